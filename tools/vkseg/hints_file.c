/* hints_file.c: prompts from a JSON file:
 *   {"objects": [{"box": [x0, y0, x1, y1], "points": [[x, y], [x, y, 0]], "mask": "logits.npy", "slice": 9,
 *     "slices": [4, 12]}, ...]}
 * "slice" and "slices" (that the object may be on) are for volumes.
 * A key that is not known is a mistake, not something to skip.
 */
#include "hints.h"

#include "message.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ADVICE = "`vkseg help prompts` shows the format of the file.";

struct place {
    const char *file;
    uint32_t object;
    int32_t slice;
};

static void describe(const struct place *at, const char *what, char out[96])
{
    snprintf(out, 96, "%.50s: object %u, %s", at->file, at->object + 1, what);
}

/* Reads a list of `least` to `most` finite numbers. */
static int read_list(const json_t *list, size_t least, size_t most, double *out)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < least || count > most)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value) || !isfinite(json_number_value(value)) || fabs(json_number_value(value)) > 1e15)
            return 0;
        out[i] = json_number_value(value);
    }
    return 1;
}

static int read_box(struct hints *hints, const struct place *at, const json_t *box)
{
    char origin[96];
    double values[4];
    describe(at, "box", origin);
    if (!read_list(box, 4, 4, values))
        return fail(BAD_USAGE, ADVICE, "%s: a box is a list of four numbers, [x0, y0, x1, y1].", origin);
    vks_prompt prompt = { .kind = VKS_PROMPT_BOX,
                          .object = at->object,
                          .x0 = (float)values[0],
                          .y0 = (float)values[1],
                          .x1 = (float)values[2],
                          .y1 = (float)values[3] };
    return hints_add(hints, &prompt, at->slice, origin, NULL);
}

static int read_points(struct hints *hints, const struct place *at, const json_t *points)
{
    char origin[96], what[32];
    describe(at, "points", origin);
    if (!json_is_array(points))
        return fail(BAD_USAGE, ADVICE, "%s: expected a list of points, [[x, y], ...].", origin);
    for (size_t i = 0; i < json_array_size(points); i++) {
        double values[3] = { 0, 0, 1 };
        snprintf(what, sizeof what, "point %zu", i + 1);
        describe(at, what, origin);
        if (!read_list(json_array_get(points, i), 2, 3, values) || (values[2] != 0 && values[2] != 1))
            return fail(BAD_USAGE, ADVICE,
                        "%s: a point is [x, y] or [x, y, label], label 1 for the object and 0 for what is "
                        "not part of it.",
                        origin);
        vks_prompt prompt = { .kind = VKS_PROMPT_POINT,
                              .object = at->object,
                              .x0 = (float)values[0],
                              .y0 = (float)values[1],
                              .label = (int32_t)values[2] };
        int code = hints_add(hints, &prompt, at->slice, origin, NULL);
        if (code)
            return code;
    }
    return 0;
}

/* A path in the file is relative to the folder of the file. */
static int read_mask(struct hints *hints, const struct place *at, const json_t *mask)
{
    char origin[96];
    describe(at, "mask", origin);
    const char *name = json_string_value(mask);
    if (!name || !*name)
        return fail(BAD_USAGE, ADVICE, "%s: expected the name of a .npy file.", origin);
    size_t folder = *name == '/' ? 0 : (size_t)(base_name(at->file) - at->file);
    char *path = malloc(folder + strlen(name) + 1);
    if (!path)
        return fail(NO_MEMORY, NULL, "no memory for the prompts.");
    memcpy(path, at->file, folder);
    memcpy(path + folder, name, strlen(name) + 1);
    vks_prompt prompt = { .kind = VKS_PROMPT_MASK, .object = at->object };
    int code = hints_add(hints, &prompt, at->slice, origin, path);
    free(path);
    return code;
}

static int read_extent(struct hints *hints, const struct place *at, const json_t *slices)
{
    double values[2];
    if (!slices)
        return 0;
    if (!read_list(slices, 2, 2, values) || !(values[0] >= 0 && values[0] <= values[1] && values[1] <= 32767) ||
        values[0] != floor(values[0]) || values[1] != floor(values[1]))
        return fail(BAD_USAGE, ADVICE,
                    "%s: object %u: \"slices\" is the first and the last slice, counted from 0: [4, 12].", at->file,
                    at->object + 1);
    hints_set_extent(hints, at->object, (struct extent){ (int32_t)values[0], (int32_t)values[1] });
    return 0;
}

static int read_object(struct hints *hints, struct place *at, json_t *object)
{
    static const char *const keys[] = { "box", "points", "mask", "slice", "slices", NULL };
    const char *key;
    json_t *value;
    size_t before = hints->count;
    if (!json_is_object(object))
        return fail(BAD_USAGE, ADVICE, "%s: object %u is not a JSON object {...}.", at->file, at->object + 1);
    const json_t *slice = json_object_get(object, "slice");
    if (slice && (!json_is_integer(slice) || json_integer_value(slice) < 0 || json_integer_value(slice) > 32767))
        return fail(BAD_USAGE, ADVICE, "%s: object %u: \"slice\" is the number of a slice, counted from 0.", at->file,
                    at->object + 1);
    at->slice = slice ? (int32_t)json_integer_value(slice) : -1;
    json_object_foreach(object, key, value)
    {
        int code = 0;
        if (strcmp(key, "box") == 0) {
            code = read_box(hints, at, value);
        } else if (strcmp(key, "points") == 0) {
            code = read_points(hints, at, value);
        } else if (strcmp(key, "mask") == 0) {
            code = read_mask(hints, at, value);
        } else if (strcmp(key, "slice") != 0 && strcmp(key, "slices") != 0) {
            const char *near = closest(key, keys);
            code = fail(BAD_USAGE, ADVICE, "%s: object %u has an unknown key \"%.40s\"%s%s.", at->file, at->object + 1,
                        key, near ? "; did you mean " : "", near ? near : "");
        }
        if (code)
            return code;
    }
    if (hints->count == before)
        return fail(BAD_USAGE, ADVICE, "%s: object %u has no prompt.", at->file, at->object + 1);
    return read_extent(hints, at, json_object_get(object, "slices"));
}

int hints_read_file(struct hints *hints, const char *path)
{
    json_error_t error;
    json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        if (json_error_code(&error) == json_error_cannot_open_file)
            return fail(INPUT_MISSING, "Check the path after --prompts.", "%s: cannot be opened.", path);
        return fail(INPUT_BAD, ADVICE, "%s, line %d: %s.", path, error.line, error.text);
    }
    json_t *objects = json_object_get(document, "objects");
    int code = 0;
    if (!json_is_array(objects) || !json_array_size(objects))
        code = fail(BAD_USAGE, ADVICE, "%s: there is no list \"objects\".", path);
    for (size_t i = 0; !code && i < json_array_size(objects); i++) {
        struct place at = { path, (uint32_t)i, -1 };
        code = read_object(hints, &at, json_array_get(objects, i));
    }
    json_decref(document);
    return code;
}
