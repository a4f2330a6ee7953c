/* slices.h: a 2D model on the slices of a volume: prompted ones, and outwards from them. */
#ifndef VKSEG_CLI_SLICES_H
#define VKSEG_CLI_SLICES_H

#include "cut.h"
#include "feeder.h"
#include "hints.h"
#include "run.h"
#include "window.h"

/* One mask that was taken into the labels. */
struct slice_result {
    uint32_t object, slice;
    float iou;
    uint64_t area;
    int is_prompted; /* by the user; else by the box around the mask before */
};

struct slices {
    /* Filled by the caller. */
    const struct settings *settings;
    const vks_volume *volume;
    const struct cut *cut;
    const struct window *window;
    const struct hints *hints; /* every prompt has a slice */
    struct run *run;
    int does_propagate;
    int has_memory;      /* by the model's memory, not by boxes */
    struct shelf *shelf; /* not for has_memory */
    uint16_t *labels;    /* [size of the volume], 0; object k gets k + 1, higher ones on top */

    /* Results; slices_close frees them. */
    struct slice_result *results;
    size_t count, capacity;
    uint32_t encoded, reused; /* slices that went through the encoder, and those whose embedding was in memory */
    int was_stopped;          /* by a signal: what is in the labels is finished */

    /* Its own. */
    void *buffer;
    struct feeder *feeder; /* NULL: the session encodes, as its decoder needs more than an embedding */
    int is_feeders;        /* the failure, and its sentence */
    int64_t current;       /* the slice in the session, -1 none */
    vks_embedding **kept;  /* [slices]; NULL where not kept */
    uint64_t kept_bytes;
    uint32_t done, expected; /* masks, for the progress */
    char stage[32];
};

/* Runs all objects. Returns 0 also when a signal stopped it (was_stopped), or an exit code. */
int slices_run(struct slices *slices);
void slices_close(struct slices *slices);

/* For both ways of propagating: a slice as pixels; a mask into labels and results, returning an exit code; the callback
 * of sessions, with the slices as `user`. */
vks_status slices_image(const struct slices *slices, uint32_t slice, void *buffer, vks_image *image);
int slices_accept(struct slices *slices, uint32_t object, uint32_t slice, const uint8_t *mask, float iou,
                  int is_prompted);
int slices_progress(void *user, double fraction, const char *stage);

/* slices_memory.c: the run of --propagate memory. *code: an exit code where no status tells. */
vks_status slices_run_memory(struct slices *slices, int *code);

#endif
