/* npz_archive.h: the arrays in a .npz file, by name. Failures are CORRUPT or HOST_MEMORY. */
#ifndef VKS_IO_NPZ_ARCHIVE_H
#define VKS_IO_NPZ_ARCHIVE_H

#include "io/io.h"
#include "weights/zipdir.h"

#include "base/shape.h"

vks_status npz_open(const unsigned char *bytes, size_t size, const char *name, struct zipdir *zip);   /* zipdir_close */

/* zipdir and pickle speak of checkpoints; here the same is a damaged image. */
vks_status npz_as_corrupt(vks_status status);

/* The bytes of KEY.npy; NULL when there is none. `owned` is vkr_free()d by the caller. */
struct npz_bytes { const unsigned char *bytes; size_t size; void *owned; };
vks_status npz_get(const struct zipdir *zip, const char *key, struct npz_bytes *out);

/* Is this .npy an array of Python objects? Then the pickle in it begins at *at. */
bool npz_has_objects(const struct npz_bytes *array, size_t *at);

/* An array of numbers; *data stays NULL when there is none, else it is vkr_free()d by the caller. *is_u16 as io_parse_npy. */
vks_status npz_numbers(const struct zipdir *zip, const char *key, struct vkr_desc *desc, void **data, bool *is_u16);

#endif
