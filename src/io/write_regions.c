/* write_regions.c: the list that the official generator of automatic masks gives, as JSON. Its boxes have the width
 * x1 - x0 of the outermost pixels: so have these. */
#include "io/write_json.h"

#include "base/mem.h"

static json_t *list_runs(const vks_region *region)
{
    json_t *runs = json_array();
    for (uint32_t i = 0; runs && i < region->run_count; i++)
        if (json_array_append_new(runs, json_integer((json_int_t)region->runs[i])) != 0) {
            json_decref(runs);
            runs = NULL;
        }
    return runs;
}

static json_t *describe(const vks_regions *regions, const vks_region *r)
{
    json_t *runs = list_runs(r);
    if (!runs)
        return NULL;
    return json_pack("{s:{s:[I,I], s:o}, s:I, s:[I,I,I,I], s:f, s:[[f,f]], s:f, s:[I,I,I,I]}", "segmentation", "size",
                     (json_int_t)regions->height, (json_int_t)regions->width, "counts", runs, "area", (json_int_t)r->area,
                     "bbox", (json_int_t)r->x0, (json_int_t)r->y0, (json_int_t)(r->x1 - r->x0),
                     (json_int_t)(r->y1 - r->y0), "predicted_iou", (double)r->predicted_iou, "point_coords",
                     (double)r->point_x, (double)r->point_y, "stability_score", (double)r->stability, "crop_box",
                     (json_int_t)r->crop_x0, (json_int_t)r->crop_y0, (json_int_t)(r->crop_x1 - r->crop_x0),
                     (json_int_t)(r->crop_y1 - r->crop_y0));
}

vks_status vks_io_write_regions(const char *path, const vks_regions *regions, int overwrite)
{
    VKS_REQUIRE(path && io_ends_with(path, ".json"), VKS_ERR_ARGUMENT, "regions are written as .json, \"%s\" is none",
                path ? path : "(NULL)");
    VKS_REQUIRE(regions, VKS_ERR_ARGUMENT, "there are no regions to write (NULL)");
    VKS_TRY(io_may_write(path, overwrite));
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < regions->count; i++)
        if (json_array_append_new(list, describe(regions, &regions->region[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return io_write_document(path, list, overwrite);
}
