/* hints.h: the prompts of one run, from options or from a JSON file, checked before anything expensive starts.
 *
 * Objects are numbered 0..objects-1 without gaps; each has at least one prompt, at most one box and one mask.
 */
#ifndef VKSEG_CLI_HINTS_H
#define VKSEG_CLI_HINTS_H

#include "args.h"
#include "vkseg/vkseg_io.h"

/* Slices an object may be on, ends included; first -1: not said. */
struct extent {
    int32_t first, last;
};

struct hints {
    vks_prompt *prompts;
    char (*origins)[96]; /* how the user wrote each prompt, for messages */
    char **mask_paths;   /* of mask prompts, else NULL */
    int32_t *slices;     /* of a volume, -1: not said */
    struct extent *extents;
    size_t count, capacity;
    uint32_t objects;
};

/* Is any of --prompts, --point, --box, --mask-prompt and --object there? */
int hints_given(const struct args *args);

/* Collects --point, --box, --mask-prompt and --object in order, or the file of --prompts. Returns 0 or an exit code. */
int hints_read(const struct args *args, struct hints *out);
void hints_free(struct hints *hints);

/* Appends one prompt to its object; explains a second box or mask of one slice. */
int hints_add(struct hints *hints, const vks_prompt *prompt, int32_t slice, const char *origin, const char *mask_path);

/* Says on which slices an object that has prompts may be, and asks for it: first -1 when nothing was said. */
void hints_set_extent(struct hints *hints, uint32_t object, struct extent extent);
struct extent hints_extent(const struct hints *hints, uint32_t object);

/* One object for every box that came with a volume. */
int hints_from_boxes(struct hints *hints, const vks_io_box *boxes, size_t count);

/* Refuses prompts that name a slice: the input is a single image. */
int hints_check_flat(const struct hints *hints);

/* Reads "objects" from a JSON file (see `vkseg help prompts`). */
int hints_read_file(struct hints *hints, const char *path);

/* Refuses coordinates outside an image of this size and boxes whose corners are in the wrong order. */
int hints_check(const struct hints *hints, uint32_t width, uint32_t height);

/* Loads the mask prompts (.npy, float32). */
int hints_load_masks(struct hints *hints);

/* Refuses kinds of prompts and sizes of mask prompts that this model does not take. `whole`: masks have this width and
 * height, that of a slice; NULL: they are low-res logits. */
int hints_check_model(const struct hints *hints, const vks_model_info *info, const uint32_t whole[2]);

#endif
