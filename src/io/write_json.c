/* write_json.c: documents built with jansson, which writes numbers the same in every locale. */
#include "io/write_json.h"

#include "base/mem.h"

#include <jansson.h>
#include <math.h>

static vks_status no_memory(void)
{
    return vks_fail(VKS_ERR_HOST_MEMORY, "out of memory for a JSON document");
}

vks_status io_write_document(const char *path, json_t *document, int overwrite)
{
    struct io_output output;
    if (!document)
        return no_memory();
    char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(document);
    if (!text)
        return no_memory();
    vks_status status = io_output_begin(path, overwrite, &output);
    if (status == VKS_OK)
        status = io_output_end(&output, fprintf(output.file, "%s\n", text) >= 0
                                            ? VKS_OK : vks_fail(VKS_ERR_OUTPUT, "%s cannot be written; is the disk full?", path));
    free(text);
    return status;
}

/* JSON knows no infinities. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

struct extent { uint32_t x0, y0, x1, y1; uint64_t area; };     /* inclusive corners */

static void include(struct extent *extent, uint32_t x, uint32_t y)
{
    extent->x0 = x < extent->x0 ? x : extent->x0;
    extent->y0 = y < extent->y0 ? y : extent->y0;
    extent->x1 = x > extent->x1 ? x : extent->x1;
    extent->y1 = y > extent->y1 ? y : extent->y1;
    extent->area++;
}

static json_t *count_runs(const uint8_t *mask, uint32_t width, uint32_t height, struct extent *extent)
{
    json_t *counts = json_array();
    json_int_t run = 0;
    bool inside = false, good = counts != NULL;
    for (uint32_t x = 0; good && x < width; x++)
        for (uint32_t y = 0; good && y < height; y++) {
            const bool now = mask[(size_t)y * width + x] != 0;
            if (now)
                include(extent, x, y);
            if (now != inside) {
                good = json_array_append_new(counts, json_integer(run)) == 0;
                inside = now;
                run = 0;
            }
            run++;
        }
    if (good && json_array_append_new(counts, json_integer(run)) == 0)
        return counts;
    json_decref(counts);
    return NULL;
}

static json_t *describe(const vks_masks *masks, uint32_t index)
{
    const uint32_t width = masks->width, height = masks->height;
    struct extent extent = { UINT32_MAX, UINT32_MAX, 0, 0, 0 };
    json_t *counts = count_runs(masks->mask + (size_t)index * width * height, width, height, &extent);
    if (!counts)
        return NULL;
    if (extent.area == 0)
        extent = (struct extent){ 0, 0, UINT32_MAX, UINT32_MAX, 0 };       /* width and height become 0 */
    return json_pack("{s:I, s:I, s:o, s:I, s:[I,I,I,I], s:{s:[I,I], s:o}}", "object",
                     (json_int_t)(index / masks->masks_per_object), "candidate", (json_int_t)(index % masks->masks_per_object),
                     "predicted_iou", masks->iou ? number((double)masks->iou[index]) : json_null(), "area", (json_int_t)extent.area,
                     "bbox", (json_int_t)extent.x0, (json_int_t)extent.y0, (json_int_t)(uint32_t)(extent.x1 - extent.x0 + 1),
                     (json_int_t)(uint32_t)(extent.y1 - extent.y0 + 1), "segmentation", "size", (json_int_t)height,
                     (json_int_t)width, "counts", counts);
}

vks_status io_write_rle(const char *path, const vks_masks *masks, int overwrite)
{
    VKS_TRY(io_may_write(path, overwrite));
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < masks->objects * masks->masks_per_object; i++)
        if (json_array_append_new(list, describe(masks, i)) != 0) {
            json_decref(list);
            list = NULL;
        }
    return io_write_document(path, list, overwrite);
}

vks_status vks_io_write_iou(const char *path, const vks_masks *masks, int overwrite)
{
    VKS_REQUIRE(path && io_ends_with(path, ".json"), VKS_ERR_ARGUMENT, "predicted IoUs are written as .json, \"%s\" is none",
                path ? path : "(NULL)");
    VKS_REQUIRE(masks && masks->iou, VKS_ERR_ARGUMENT, "there are no predicted IoUs to write (NULL)");
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < masks->objects * masks->masks_per_object; i++)
        if (json_array_append_new(list, number((double)masks->iou[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return io_write_document(path, list, overwrite);
}
