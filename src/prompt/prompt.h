/* prompt.h: from the user's hints in image pixels to points in the model's frame. Host only; knows no model. */
#ifndef VKS_PROMPT_H
#define VKS_PROMPT_H

#include "vkseg/vkseg.h"

#include <stdbool.h>

/* What a point means. The two corners of a box are points as well. */
enum prompt_label { PROMPT_BACKGROUND = 0, PROMPT_FOREGROUND = 1, PROMPT_TOP_LEFT = 2, PROMPT_BOTTOM_RIGHT = 3 };

/* x, y: pixels of the resized image inside the model's square (scaled by resized / original per axis, nothing added).
 */
struct prompt_point {
    double x, y;
    enum prompt_label label;
};

/* All hints about one object. Points in the order given, then the two corners of the box. */
struct prompt_object {
    const struct prompt_point *points;
    uint32_t count; /* of points, corners included */
    bool box;
    bool followed; /* known from other slices; it may have no hint here. prompt_collect leaves it false */
    const float *mask; /* low-res logits [low, low], the caller's; NULL: none */
};

struct prompt_set {
    struct prompt_object *objects;
    uint32_t count; /* at least 1: no prompt at all is one object without hints */
    struct prompt_point *points;
};

/* Where prompts come from and what the model takes. */
struct prompt_frame {
    const char *family;                     /* for sentences */
    uint32_t accepts;                       /* VKS_ACCEPTS_* */
    void (*takers)(uint32_t accepts, char *list, size_t size); /* writes the families that accept a kind; or NULL */
    uint32_t width, height;                 /* of the original image */
    uint32_t resized_width, resized_height; /* of its part of the model's square */
    uint32_t low;                           /* side of mask logits */
    uint32_t whole; /* not 0: coordinates become int(x * whole / longest side), as LiteMedSAM's code has it */
};

/* Checks and groups. Free *out with prompt_free, also after a failure. Errors, naming the prompt by its number:
 * ARGUMENT, UNSUPPORTED (a kind that frame->accepts lacks), HOST_MEMORY. */
vks_status prompt_collect(const struct prompt_frame *frame, const vks_prompt *prompts, size_t count,
                          struct prompt_set *out);
void prompt_free(struct prompt_set *set);

#endif
