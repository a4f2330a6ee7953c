/* feeder.h: the encoder in a thread of its own: while one slice is decoded and written into the labels, the next one is
 * encoded. For models that take embeddings back (vks_model_info.reusable).
 *
 * The functions are called from one thread, which also draws the progress; the feeder's thread has a session of its
 * own.
 */
#ifndef VKSEG_CLI_FEEDER_H
#define VKSEG_CLI_FEEDER_H

#include "shelf.h"

struct feeder;

/* `image` makes a slice ready to be encoded, in a buffer of the feeder's (`buffer_bytes`): it is called from the
 * feeder's thread. `watch` is called about twenty times a second while somebody waits, with the fraction of the slice
 * that is done; non-zero cancels. */
struct feeder_params {
    vks_model *model;
    struct shelf *shelf;
    size_t buffer_bytes;
    vks_status (*image)(void *user, uint32_t slice, void *buffer, vks_image *image);
    int (*watch)(void *user, double fraction);
    void *user;
};
int feeder_open(const struct feeder_params *params, struct feeder **out); /* 0, or an exit code */
void feeder_close(struct feeder **feeder);                                /* cancels what is under way */

/* Begins with this slice; what was begun with another one is dropped. */
void feeder_ahead(struct feeder *feeder, uint32_t slice);

/* Waits for a slice, begun with or not. *out is the caller's (vks_embedding_free); *was_encoded: it was not taken from
 * the shelf. A failure's sentence is in vks_last_error of the feeder's thread: feeder_error gives it. */
vks_status feeder_take(struct feeder *feeder, uint32_t slice, vks_embedding **out, int *was_encoded);
const char *feeder_error(const struct feeder *feeder);

#endif
