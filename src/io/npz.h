/* npz.h: volumes in .npz files (read_npz.c). */
#ifndef VKS_IO_NPZ_H
#define VKS_IO_NPZ_H

#include "io/voxels.h"

/* By the first bytes: a zip archive whose first entry is an array. */
bool npz_recognise(const unsigned char *head, size_t size);

vks_status npz_read(const unsigned char *bytes, size_t size, const char *name, vks_io_volume *out);

#endif
