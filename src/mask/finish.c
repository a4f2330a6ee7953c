/* finish.c: bilinear enlargement as a chain of row sources: each stage keeps the two rows it is between, so nothing of
 * the size of the model's square is ever held. Every row of a stage is made once per image. */
#include "mask/finish.h"

#include "base/mem.h"

#include <math.h>

/* One output position of an axis: low * src[first] + high * src[second]. */
struct tap { uint32_t first, second; float low, high; };

/* One enlargement: reads rows of `below` (or of `image` where that is NULL) and gives rows [width]. */
struct stage {
    struct stage *below;
    const float *image;             /* [src_height, src_width] */
    uint32_t src_width, width;
    struct tap *across, *down;      /* [width], [height] */
    float *row[2];                  /* source rows, already enlarged across: [width] */
    uint32_t held[2];               /* which; UINT32_MAX: none */
    float *result;                  /* [width] */
};

/* torch: source position scale * (i + 0.5) - 0.5, not below 0; the neighbour is not beyond the end. Its CPU builds fuse
 * the multiply-add, which moves positions by up to 2^-17 pixel: so does this. `dst` may be less than the axis was scaled
 * to: the rest is cropped. */
static void make_taps(uint32_t src, uint32_t full, uint32_t dst, struct tap *out)
{
    const float scale = (float)src / (float)full;
    for (uint32_t i = 0; i < dst; i++) {
        float position = fmaf(scale, (float)i + 0.5f, -0.5f);
        position = position < 0 ? 0 : position;
        uint32_t first = (uint32_t)position;
        first = first < src - 1 ? first : src - 1;
        float high = position - (float)first;
        high = high < 1 ? high : 1;
        out[i] = (struct tap){ first, first + (first < src - 1), 1.0f - high, high };
    }
}

struct extent { uint32_t src, full, dst; };

static vks_status stage_create(struct extent across, struct extent down, struct stage *out)
{
    out->src_width = across.src;
    out->width = across.dst;
    VKS_TRY(vkr_alloc(across.dst, sizeof *out->across, "mask columns", (void **)&out->across));
    VKS_TRY(vkr_alloc(down.dst, sizeof *out->down, "mask rows", (void **)&out->down));
    VKS_TRY(vkr_alloc(across.dst, sizeof(float), "a mask row", (void **)&out->row[0]));
    VKS_TRY(vkr_alloc(across.dst, sizeof(float), "a mask row", (void **)&out->row[1]));
    VKS_TRY(vkr_alloc(across.dst, sizeof(float), "a mask row", (void **)&out->result));
    make_taps(across.src, across.full, across.dst, out->across);
    make_taps(down.src, down.full, down.dst, out->down);
    return VKS_OK;
}

static void stage_free(struct stage *stage)
{
    vkr_free(stage->across);
    vkr_free(stage->down);
    vkr_free(stage->row[0]);
    vkr_free(stage->row[1]);
    vkr_free(stage->result);
}

static const float *stage_row(struct stage *stage, uint32_t y);

/* Source row `y`, enlarged across; at most two are held, and the rows asked for never go back. */
static const float *source_row(struct stage *stage, uint32_t y, uint32_t keep)
{
    for (int i = 0; i < 2; i++)
        if (stage->held[i] == y)
            return stage->row[i];
    const int slot = stage->held[0] == keep ? 1 : 0;
    const float *src = stage->below ? stage_row(stage->below, y) : stage->image + (size_t)y * stage->src_width;
    float *dst = stage->row[slot];
    for (uint32_t x = 0; x < stage->width; x++) {
        const struct tap *tap = &stage->across[x];
        dst[x] = tap->low * src[tap->first] + tap->high * src[tap->second];
    }
    stage->held[slot] = y;
    return dst;
}

static const float *stage_row(struct stage *stage, uint32_t y)
{
    const struct tap tap = stage->down[y];
    const float *above = source_row(stage, tap.first, tap.second);
    const float *under = source_row(stage, tap.second, tap.first);
    float *restrict result = stage->result;
    for (uint32_t x = 0; x < stage->width; x++)
        result[x] = tap.low * above[x] + tap.high * under[x];
    return result;
}

static void start(struct stage *stage, const float *image)
{
    stage->image = image;
    stage->held[0] = stage->held[1] = UINT32_MAX;
    if (stage->below)
        start(stage->below, image);
}

static vks_status make_stages(const struct finish_spec *spec, const struct finish_size *size, uint32_t low_height,
                              uint32_t low_width, struct stage stages[2], struct stage **top)
{
    if (spec->side == 0) {
        *top = &stages[0];
        return stage_create((struct extent){ low_width, size->width, size->width },
                            (struct extent){ low_height, size->height, size->height }, &stages[0]);
    }
    *top = &stages[1];
    stages[1].below = &stages[0];
    VKS_TRY(stage_create((struct extent){ low_width, spec->side, size->resized_width },
                         (struct extent){ low_height, spec->side, size->resized_height }, &stages[0]));
    return stage_create((struct extent){ size->resized_width, size->width, size->width },
                        (struct extent){ size->resized_height, size->height, size->height }, &stages[1]);
}

static void apply_sigmoid(const float *src, size_t count, float *dst)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = 1.0f / (1.0f + expf(-src[i]));
}

/* Exactly one of `values` and `masks` is wanted. */
static vks_status finish(const struct finish_spec *spec, const struct finish_size *size, const float *logits,
                         uint32_t count, uint32_t low_height, uint32_t low_width, float *values, uint8_t *masks)
{
    const size_t low = (size_t)low_height * low_width, width = size->width;
    struct stage stages[2] = { 0 }, *top;
    float *squashed = NULL;
    vks_status status = make_stages(spec, size, low_height, low_width, stages, &top);
    if (status == VKS_OK && spec->sigmoid)
        status = vkr_alloc(low, sizeof *squashed, "mask probabilities", (void **)&squashed);
    for (uint32_t i = 0; status == VKS_OK && i < count; i++) {
        const float *image = logits + i * low;
        if (squashed)
            apply_sigmoid(image, low, squashed);
        start(top, squashed ? squashed : image);
        for (uint32_t y = 0; y < size->height; y++) {
            const float *row = stage_row(top, y);
            const size_t at = ((size_t)i * size->height + y) * width;
            for (size_t x = 0; values && x < width; x++)
                values[at + x] = row[x];
            for (size_t x = 0; masks && x < width; x++)
                masks[at + x] = row[x] > spec->threshold;
        }
    }
    vkr_free(squashed);
    stage_free(&stages[0]);
    stage_free(&stages[1]);
    return status;
}

vks_status finish_masks(const struct finish_spec *spec, const struct finish_size *size, const float *logits,
                        uint32_t count, uint32_t low_height, uint32_t low_width, uint8_t *masks)
{
    return finish(spec, size, logits, count, low_height, low_width, NULL, masks);
}

vks_status finish_values(const struct finish_spec *spec, const struct finish_size *size, const float *logits,
                         uint32_t count, uint32_t low_height, uint32_t low_width, float *values)
{
    return finish(spec, size, logits, count, low_height, low_width, values, NULL);
}
