/* hints.c: prompts from options. Every sentence quotes what the user typed. */
#include "hints.h"

#include "message.h"
#include "offers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const EXAMPLE =
    "For example: vkseg segment ct.png -m medsam_vit_b.pth --box 95,255,190,350 -o liver.png";

int hints_add(struct hints *hints, const vks_prompt *prompt, int32_t slice, const char *origin, const char *mask_path)
{
    for (size_t i = 0; i < hints->count && prompt->kind != VKS_PROMPT_POINT; i++) {
        if (hints->prompts[i].kind == prompt->kind && hints->prompts[i].object == prompt->object &&
            hints->slices[i] == slice)
            return fail(
                BAD_USAGE, "Put --object between them for a second object (a new entry of \"objects\" in a file).",
                "%s: this object already has %s.", origin, prompt->kind == VKS_PROMPT_BOX ? "a box" : "a mask prompt");
    }
    if (hints->count == hints->capacity) {
        size_t capacity = hints->capacity ? 2 * hints->capacity : 16;
        vks_prompt *prompts = realloc(hints->prompts, capacity * sizeof *prompts);
        if (prompts)
            hints->prompts = prompts;
        char(*origins)[96] = realloc(hints->origins, capacity * sizeof *origins);
        if (origins)
            hints->origins = origins;
        char **mask_paths = realloc(hints->mask_paths, capacity * sizeof *mask_paths);
        if (mask_paths)
            hints->mask_paths = mask_paths;
        int32_t *slices = realloc(hints->slices, capacity * sizeof *slices);
        if (slices)
            hints->slices = slices;
        struct extent *extents = realloc(hints->extents, capacity * sizeof *extents);
        if (extents)
            hints->extents = extents;
        if (!prompts || !origins || !mask_paths || !slices || !extents)
            return fail(NO_MEMORY, NULL, "no memory for the prompts.");
        hints->capacity = capacity;
    }
    char *path = NULL;
    if (mask_path) {
        path = malloc(strlen(mask_path) + 1);
        if (!path)
            return fail(NO_MEMORY, NULL, "no memory for the prompts.");
        memcpy(path, mask_path, strlen(mask_path) + 1);
    }
    hints->prompts[hints->count] = *prompt;
    hints->slices[hints->count] = slice;
    hints->extents[hints->count] = (struct extent){ -1, -1 };
    snprintf(hints->origins[hints->count], sizeof *hints->origins, "%s", origin);
    hints->mask_paths[hints->count++] = path;
    if (prompt->object >= hints->objects)
        hints->objects = prompt->object + 1;
    return 0;
}

int hints_check_flat(const struct hints *hints)
{
    for (size_t i = 0; i < hints->count; i++) {
        if (hints->slices[i] >= 0 || hints->extents[i].first >= 0)
            return fail(BAD_USAGE, "Leave out the @ and what follows.",
                        "%s: '@slice' is for volumes, and this is a single image.", hints->origins[i]);
    }
    return 0;
}

void hints_set_extent(struct hints *hints, uint32_t object, struct extent extent)
{
    for (size_t i = 0; i < hints->count; i++) {
        if (hints->prompts[i].object == object)
            hints->extents[i] = extent;
    }
}

struct extent hints_extent(const struct hints *hints, uint32_t object)
{
    for (size_t i = 0; i < hints->count; i++) {
        if (hints->prompts[i].object == object)
            return hints->extents[i];
    }
    return (struct extent){ -1, -1 };
}

/* A box around a single row or column of pixels says something, one without an area does not. */
int hints_from_boxes(struct hints *hints, const vks_io_box *boxes, size_t count)
{
    char origin[96];
    for (size_t i = 0; i < count; i++) {
        const vks_io_box *box = &boxes[i];
        vks_prompt prompt = { .kind = VKS_PROMPT_BOX,
                              .object = (uint32_t)i,
                              .x0 = box->x0,
                              .y0 = box->y0,
                              .x1 = box->x1 > box->x0 ? box->x1 : box->x0 + 1,
                              .y1 = box->y1 > box->y0 ? box->y1 : box->y0 + 1 };
        snprintf(origin, sizeof origin, "box %zu of the file", i + 1);
        int code = hints_add(hints, &prompt, (int32_t)box->slice, origin, NULL);
        if (code)
            return code;
        hints_set_extent(hints, (uint32_t)i, (struct extent){ (int32_t)box->first, (int32_t)box->last });
    }
    return 0;
}

/* Copies `text` up to an @ and reads the slice behind it. */
static int split_slice(const char *written, const char *text, char out[256], int32_t *slice)
{
    const char *at = strchr(text, '@');
    size_t length = at ? (size_t)(at - text) : strlen(text);
    double value = 0;
    *slice = -1;
    if (length >= 256)
        return fail(BAD_USAGE, NULL, "%s: too long for a prompt.", written);
    memcpy(out, text, length);
    out[length] = '\0';
    if (!at)
        return 0;
    if (parse_number(at + 1, strlen(at + 1), &value) || value < 0 || value > 32767 || value != (double)(int32_t)value)
        return fail(BAD_USAGE, "For example: --box 95,255,190,350@42",
                    "%s: after @ comes the number of a slice, counted from 0.", written);
    *slice = (int32_t)value;
    return 0;
}

/* x,y or x,y,- or x,y,+ */
static int add_point(struct hints *hints, uint32_t object, const char *text)
{
    char written[96], wrong[160], numbers[256];
    int32_t slice;
    snprintf(written, sizeof written, "--point %.80s", text);
    int code = split_slice(written, text, numbers, &slice);
    if (code)
        return code;
    const char *format =
        "Write --point x,y for the object, --point x,y,- for what is not part of it; 12.5 with a decimal point.";
    size_t length = strlen(numbers);
    int32_t label = 1;
    if (length > 2 && numbers[length - 2] == ',' && (numbers[length - 1] == '-' || numbers[length - 1] == '+')) {
        label = numbers[length - 1] == '+';
        numbers[length - 2] = '\0';
    }
    double values[2];
    size_t count = parse_numbers(numbers, values, 2, wrong);
    if (!count)
        return fail(BAD_USAGE, format, "%s: %s.", written, wrong);
    if (count == 1)
        return fail(BAD_USAGE, "Join both numbers with a comma and no space: --point 120,85",
                    "%s: a point has two numbers, "
                    "x and y; found one.",
                    written);
    if (count == 3)
        return fail(BAD_USAGE, format, "%s: after x and y only + or - may follow.", written);
    if (count > 3)
        return fail(BAD_USAGE, format, "%s: a point has two numbers, x and y; found %zu%s.", written, count,
                    count == 4 ? " (decimal commas?)" : "");
    vks_prompt prompt = {
        .kind = VKS_PROMPT_POINT, .object = object, .x0 = (float)values[0], .y0 = (float)values[1], .label = label
    };
    return hints_add(hints, &prompt, slice, written, NULL);
}

static int add_box(struct hints *hints, uint32_t object, const char *text)
{
    char written[96], wrong[160], numbers[256];
    int32_t slice;
    snprintf(written, sizeof written, "--box %.80s", text);
    int code = split_slice(written, text, numbers, &slice);
    if (code)
        return code;
    const char *format =
        "Write the top-left and the bottom-right corner: --box x0,y0,x1,y1; 12.5 with a decimal point.";
    double values[4];
    size_t count = parse_numbers(numbers, values, 4, wrong);
    if (!count)
        return fail(BAD_USAGE, format, "%s: %s.", written, wrong);
    if (count != 4)
        return fail(BAD_USAGE, format, "%s: a box has four numbers, x0,y0,x1,y1; found %zu%s.", written, count,
                    count == 8 ? " (decimal commas?)" : "");
    vks_prompt prompt = { .kind = VKS_PROMPT_BOX,
                          .object = object,
                          .x0 = (float)values[0],
                          .y0 = (float)values[1],
                          .x1 = (float)values[2],
                          .y1 = (float)values[3] };
    return hints_add(hints, &prompt, slice, written, NULL);
}

static int add_mask(struct hints *hints, uint32_t object, const char *path)
{
    char written[96];
    snprintf(written, sizeof written, "--mask-prompt %.78s", path);
    vks_prompt prompt = { .kind = VKS_PROMPT_MASK, .object = object };
    return hints_add(hints, &prompt, -1, written, path);
}

static int is_prompt(const struct argument *argument)
{
    static const char *const names[] = { "point", "box", "mask-prompt", "object" };
    for (size_t i = 0; argument->option && i < sizeof names / sizeof *names; i++) {
        if (strcmp(argument->option->name, names[i]) == 0)
            return 1;
    }
    return 0;
}

static int read_options(const struct args *args, struct hints *out)
{
    uint32_t object = 0;
    size_t in_object = 0; /* prompts of the current object */
    int is_explicit = 0;  /* the current object was opened by --object */
    for (size_t i = 0; i < args->count; i++) {
        const struct argument *argument = &args->items[i];
        if (!is_prompt(argument))
            continue;
        int code = 0;
        const char *name = argument->option->name;
        if (strcmp(name, "object") == 0) {
            if (is_explicit && !in_object)
                return fail(BAD_USAGE, "Prompts after --object belong to it: --object --box 10,10,50,50",
                            "object %u has no "
                            "prompt before the next --object.",
                            object + 1);
            object += in_object > 0;
            in_object = 0;
            is_explicit = 1;
            continue;
        } else if (strcmp(name, "point") == 0) {
            code = add_point(out, object, argument->value);
        } else if (strcmp(name, "box") == 0) {
            code = add_box(out, object, argument->value);
        } else {
            code = add_mask(out, object, argument->value);
        }
        if (code)
            return code;
        in_object++;
    }
    if (is_explicit && !in_object)
        return fail(BAD_USAGE, "Prompts after --object belong to it: --object --box 10,10,50,50",
                    "object %u has no prompt: "
                    "--object is the last of them.",
                    object + 1);
    return 0;
}

static int count_options(const struct args *args)
{
    return args_count(args, "point") + args_count(args, "box") + args_count(args, "mask-prompt") +
           args_count(args, "object");
}

int hints_given(const struct args *args)
{
    return args_count(args, "prompts") + count_options(args) > 0;
}

int hints_read(const struct args *args, struct hints *out)
{
    *out = (struct hints){ 0 };
    const char *file = args_value(args, "prompts");
    int others = count_options(args);
    if (file && others)
        return fail(BAD_USAGE, "Put all prompts into the file, or all on the command line.",
                    "--prompts cannot be mixed with --point, --box, --mask-prompt or --object.");
    if (!file && !others)
        return offers_nothing_given(args);
    int code = file ? hints_read_file(out, file) : read_options(args, out);
    if (!code && !out->count)
        code = fail(BAD_USAGE, EXAMPLE, "nothing says what to segment: give a --box or a --point.");
    return code;
}

void hints_free(struct hints *hints)
{
    for (size_t i = 0; i < hints->count; i++) {
        vks_io_free((void *)hints->prompts[i].logits);
        free(hints->mask_paths[i]);
    }
    free(hints->prompts);
    free(hints->origins);
    free(hints->mask_paths);
    free(hints->slices);
    free(hints->extents);
    *hints = (struct hints){ 0 };
}

/* One pixel of slack: detectors write boxes whose far corner is the width or the height itself. */
static int is_inside(float value, uint32_t size)
{
    return value >= -1 && value <= (float)size;
}

int hints_check(const struct hints *hints, uint32_t width, uint32_t height)
{
    for (size_t i = 0; i < hints->count; i++) {
        const vks_prompt *prompt = &hints->prompts[i];
        const char *origin = hints->origins[i];
        char size[128];
        snprintf(size, sizeof size, "x may be 0 to %u, y 0 to %u, counted from the top left corner.", width - 1,
                 height - 1);
        int is_box = prompt->kind == VKS_PROMPT_BOX;
        if (prompt->kind == VKS_PROMPT_MASK)
            continue;
        if (is_box && (prompt->x1 <= prompt->x0 || prompt->y1 <= prompt->y0))
            return fail(BAD_USAGE, "Write the top-left corner first, then the bottom-right one (not width and height).",
                        "%s: the second corner (%g,%g) is not to the right of and below the first (%g,%g).", origin,
                        (double)prompt->x1, (double)prompt->y1, (double)prompt->x0, (double)prompt->y0);
        if (!is_inside(prompt->x0, width) || !is_inside(prompt->y0, height) ||
            (is_box && (!is_inside(prompt->x1, width) || !is_inside(prompt->y1, height))))
            return fail(BAD_USAGE, size, "%s lies outside the image, which is %u x %u pixels.", origin, width, height);
    }
    return 0;
}

static int ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

int hints_load_masks(struct hints *hints)
{
    for (size_t i = 0; i < hints->count; i++) {
        vks_prompt *prompt = &hints->prompts[i];
        if (prompt->kind != VKS_PROMPT_MASK)
            continue;
        if (!ends_with(hints->mask_paths[i], ".npy"))
            return fail(BAD_USAGE, "Give low-res logits as .npy; `vkseg segment ... --logits FILE.npy` writes them.",
                        "%s: this version takes no mask image as a prompt.", hints->origins[i]);
        float *logits = NULL;
        vks_status status =
            vks_io_read_logits(hints->mask_paths[i], &logits, &prompt->logits_width, &prompt->logits_height);
        if (status)
            return fail_status(status, STAGE_INPUT, hints->mask_paths[i]);
        prompt->logits = logits;
    }
    return 0;
}

int hints_check_model(const struct hints *hints, const vks_model_info *info, const uint32_t whole[2])
{
    static const uint32_t bits[] = { VKS_ACCEPTS_POINT, VKS_ACCEPTS_BOX, VKS_ACCEPTS_MASK };
    const uint32_t width = whole ? whole[0] : 4 * info->embedding[2];
    const uint32_t height = whole ? whole[1] : 4 * info->embedding[1];
    for (size_t i = 0; i < hints->count; i++) {
        const vks_prompt *prompt = &hints->prompts[i];
        if (!(info->accepts & bits[prompt->kind])) {
            char advice[OFFERS_TEXT];
            offers_text(info, bits[prompt->kind], advice);
            return fail(BAD_USAGE, advice, "%s: a %s model takes no prompt of this kind: it was not trained with them.",
                        hints->origins[i], info->family);
        }
        if (prompt->kind == VKS_PROMPT_MASK && (prompt->logits_width != width || prompt->logits_height != height))
            return fail(BAD_USAGE,
                        whole ? "With --propagate memory a mask has the slice's size: float32, above 0 is the object."
                              : "Use logits that the same model wrote with --logits.",
                        "%s is %u x %u, but this model takes %u x %u.", hints->origins[i], prompt->logits_width,
                        prompt->logits_height, width, height);
    }
    return 0;
}
