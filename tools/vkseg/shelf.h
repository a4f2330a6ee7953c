/* shelf.h: --embeddings: a folder of what the encoder made of images and slices, for the runs to come.
 *
 * A file's name is made of the model, the pixels that went in and all that the result depends on besides; what it holds
 * is checked again when it is taken. One thread at a time.
 */
#ifndef VKSEG_CLI_SHELF_H
#define VKSEG_CLI_SHELF_H

#include "vkseg/vkseg_io.h"

struct run;
struct settings;

struct shelf {
    const char *folder; /* NULL: there is none, and every function does nothing */
    char model_sha256[65], rest[17];
    uint32_t found, added;
    int is_broken;     /* could not be written to */
    char warning[400]; /* the first thing to be said about it, by shelf_warn */
};

/* Makes the folder, for this user alone, when it is not there. The run's model is open. Returns 0 or an exit code. */
int shelf_open(const char *folder, struct run *run, const struct settings *settings, struct shelf *out);

/* What is there for an image with these pixels (vks_image_sha256), else NULL; a damaged file counts as not there. Freed
 * with vks_embedding_free. */
vks_embedding *shelf_take(struct shelf *shelf, const char *image_sha256);

/* Keeps it. A folder that cannot be written to is given up. */
void shelf_put(struct shelf *shelf, const vks_embedding *embedding);

/* The embedding of an image: from the shelf, or by the session's encoder and onto the shelf; freed with
 * vks_embedding_free. Also without a folder. *was_encoded: the session holds the image. */
vks_status shelf_embed(struct shelf *shelf, vks_session *session, const vks_image *image, vks_embedding **out,
                       int *was_encoded);

/* Says what went wrong with the folder, if anything did; the run itself is none the worse. */
void shelf_warn(struct shelf *shelf);

#endif
