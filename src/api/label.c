/* label.c: automatic models. The volume is prepared on the host, goes through the device slab by slab and tile by tile,
 * and labels are finished on the host. */
#include "api/clock.h"
#include "api/handles.h"
#include "api/label_plan.h"
#include "base/mem.h"
#include "volume/conform.h"
#include "volume/region.h"

#include <stdio.h>
#include <string.h>

struct result {
    vks_labels labels; /* first */
    uint8_t *voxels;
    float *logits;
    vks_label names[256];
};

struct labelling {
    vks_model *model;
    const vks_volume *volume;
    vks_label_params params;
    struct result *result;
    float *voxels;     /* scaled, of the network's grid */
    uint32_t grid[3];  /* its size */
    struct region box; /* what the network sees of it */
    uint8_t *labels;   /* of the box */
    struct label_plan plan;
    struct vkr_plan *compiled;
    void *slab;    /* one slab of a tile, on its way in or out */
    uint32_t tile; /* the one that runs */
};

static size_t count_of(const uint32_t size[3])
{
    return (size_t)size[0] * size[1] * size[2];
}

void vks_labels_free(vks_labels **labels)
{
    if (!labels || !*labels)
        return;
    struct result *result = (struct result *)*labels;
    *labels = NULL;
    vkr_free(result->voxels);
    vkr_free(result->logits);
    vkr_free(result);
}

static int report(const struct labelling *l, double fraction, const char *stage)
{
    return l->params.progress ? l->params.progress(l->params.user, fraction, stage) : 0;
}

/* ---- before -------------------------------------------------------------------------------------------------------
 */

/* The network's grid: the volume as it lies, or conformed. */
static vks_status prepare_voxels(struct labelling *l)
{
    const struct volume_spec *spec = &l->model->network->volume;
    vks_labels *out = &l->result->labels;
    size_t count = count_of(l->volume->size);
    float *floats;
    VKS_TRY(vkr_alloc(count, sizeof *floats, "the volume", (void **)&floats));
    vks_volume_floats(l->volume, floats);
    memcpy(l->grid, l->volume->size, sizeof l->grid);
    l->voxels = floats;
    out->conformed = !l->params.as_stored && !conform_is_done(l->volume, spec->grid);
    if (out->conformed) {
        l->grid[0] = l->grid[1] = l->grid[2] = spec->grid;
        l->voxels = NULL;
        vks_status status =
            vkr_alloc(count_of(l->grid), sizeof *l->voxels, "the conformed volume", (void **)&l->voxels);
        if (status == VKS_OK)
            status = conform_volume(l->volume, floats, spec->grid, l->voxels);
        vkr_free(floats);
        VKS_TRY(status);
    }
    VKS_TRY(volume_scale_limits(&spec->scaling, l->voxels, count_of(l->grid), &out->low, &out->high));
    volume_scale(l->voxels, count_of(l->grid), out->low, out->high);
    return VKS_OK;
}

static vks_status choose_box(struct labelling *l)
{
    vks_labels *out = &l->result->labels;
    l->box = (struct region){ { 0, 0, 0 }, { l->grid[0], l->grid[1], l->grid[2] } };
    if (l->params.crop) {
        float most = 0, threshold = l->params.crop_threshold;
        for (size_t i = 0; i < count_of(l->grid); i++)
            most = l->voxels[i] > most ? l->voxels[i] : most;
        VKS_REQUIRE(
            region_above(l->voxels, l->grid, threshold > 0 ? threshold * most : 0, l->params.crop_padding, &l->box),
            VKS_ERR_ARGUMENT, "nothing in the volume is brighter than the crop threshold %g", (double)threshold);
    }
    memcpy(out->box_first, l->box.first, sizeof out->box_first);
    memcpy(out->box_size, l->box.size, sizeof out->box_size);
    for (size_t i = 0; i < l->params.logit_plane_count; i++)
        VKS_REQUIRE(l->params.logit_planes[i] < l->box.size[2], VKS_ERR_ARGUMENT,
                    "logits of plane %u are wanted, but the network sees %u planes", l->params.logit_planes[i],
                    l->box.size[2]);
    return VKS_OK;
}

static void name_classes(struct result *result, const struct volume_spec *spec)
{
    for (uint32_t c = 0; c < spec->classes; c++) {
        vks_label *label = &result->names[c];
        label->value = c;
        snprintf(label->name, sizeof label->name, c ? "label %u" : "background", c);
        for (uint32_t part = 0; part < 3 && c; part++)
            label->rgb[part] = (uint8_t)(64 + (c * (47 + 60 * part)) % 192);
        if (!spec->names)
            continue;
        snprintf(label->name, sizeof label->name, "%s", spec->names[c].name);
        memcpy(label->rgb, spec->names[c].rgb, sizeof label->rgb);
    }
    result->labels.names = result->names;
    result->labels.name_count = spec->classes;
}

static vks_status plan(struct labelling *l)
{
    const vks_model *model = l->model;
    struct label_shape shape = { .size = { l->box.size[0], l->box.size[1], l->box.size[2] },
                                 .logit_planes = l->params.logit_planes,
                                 .logit_plane_count = l->params.logit_plane_count };
    VKS_TRY(label_plan_make(model->network, &model->context->target, model->half, &shape, &l->plan));
    vks_label_estimate *estimate = &l->result->labels.estimate;
    *estimate = (vks_label_estimate){ { l->box.size[0], l->box.size[1], l->box.size[2] },
                                      l->plan.tiles[0] * l->plan.tiles[1],
                                      l->plan.shape.planes,
                                      l->plan.bytes,
                                      l->plan.flops * 0.5e-9 };
    if (l->params.estimated)
        l->params.estimated(l->params.user, estimate);
    return VKS_OK;
}

static void build(void *user, struct vkr_graph *graph, struct stage_key key)
{
    struct labelling *l = user;
    const struct network *network = l->model->network;
    (void)key;
    network->family->label(network, (struct nn){ graph, l->model->half }, &l->plan.shape);
}

static vks_status compile(struct labelling *l)
{
    const struct label_shape *shape = &l->plan.shape;
    uint32_t classes = l->model->network->volume.classes, widest = classes > 4 ? (classes + 3) / 4 * 4 : 4;
    size_t slab = (size_t)shape->planes * shape->size[1] * shape->size[0];
    if (l->params.logit_plane_count)
        VKS_TRY(vkr_alloc(l->params.logit_plane_count * l->box.size[1] * l->box.size[0], classes * sizeof(float),
                          "logits", (void **)&l->result->logits));
    VKS_TRY(vkr_alloc(slab, widest * sizeof(float), "a slab", &l->slab));
    VKS_TRY(vkr_alloc(count_of(l->box.size), 1, "labels", (void **)&l->labels));
    const struct stage_builder builder = { .build = build, .user = l, .profile = l->params.kernel != NULL };
    return stage_compile(l->model->context, l->model->params, &builder, (struct stage_key){ 0 }, &l->compiled);
}

/* ---- tiles --------------------------------------------------------------------------------------------------------
 */

/* What tile number l->tile sees (first, in voxels of the box) and which of it are its own labels (core). */
struct window {
    uint32_t first[2], core_first[2], core_end[2];
};

static struct window window_of(const struct labelling *l)
{
    const struct label_plan *p = &l->plan;
    const uint32_t at[2] = { l->tile % p->tiles[0], l->tile / p->tiles[0] };
    struct window w;
    for (uint32_t a = 0; a < 2; a++) {
        w.first[a] = label_tile_first(p, a, at[a], l->model->network->volume.reach);
        w.core_first[a] = at[a] * p->core[a];
        uint32_t end = w.core_first[a] + p->core[a];
        w.core_end[a] = end < p->size[a] ? end : p->size[a];
    }
    return w;
}

static uint32_t slab_planes(const struct labelling *l, uint32_t slab)
{
    uint32_t left = l->box.size[2] - slab * l->plan.shape.planes;
    return left < l->plan.shape.planes ? left : l->plan.shape.planes;
}

static vks_status write_tile(struct labelling *l)
{
    const struct label_shape *shape = &l->plan.shape;
    uint32_t channels = label_input_channels(shape);
    struct window w = window_of(l);
    for (uint32_t s = 0; s < label_slabs(shape); s++) {
        float *to = l->slab;
        uint32_t planes = slab_planes(l, s);
        size_t count = (size_t)planes * shape->size[1] * shape->size[0] * channels;
        memset(to, 0, count * sizeof *to);
        for (uint32_t k = 0; k < planes; k++)
            for (uint32_t j = 0; j < shape->size[1]; j++) {
                size_t z = l->box.first[2] + s * shape->planes + k, y = l->box.first[1] + w.first[1] + j;
                const float *from = l->voxels + (z * l->grid[1] + y) * l->grid[0] + l->box.first[0] + w.first[0];
                for (uint32_t i = 0; i < shape->size[0]; i++, to += channels)
                    *to = from[i];
            }
        char name[32];
        snprintf(name, sizeof name, "slab.%u", s);
        VKS_TRY(vkr_plan_write(l->compiled, name, l->slab, count * sizeof(float)));
    }
    return VKS_OK;
}

static void keep_labels(struct labelling *l, const struct window *w, uint32_t slab)
{
    const struct label_shape *shape = &l->plan.shape;
    const int32_t *from = l->slab;
    for (uint32_t k = 0; k < slab_planes(l, slab); k++)
        for (uint32_t j = w->core_first[1]; j < w->core_end[1]; j++) {
            const int32_t *row = from + ((size_t)k * shape->size[1] + (j - w->first[1])) * shape->size[0];
            uint8_t *to = l->labels + ((size_t)(slab * shape->planes + k) * l->box.size[1] + j) * l->box.size[0];
            for (uint32_t i = w->core_first[0]; i < w->core_end[0]; i++)
                to[i] = (uint8_t)row[i - w->first[0]];
        }
}

static void keep_logits(struct labelling *l, const struct window *w, uint32_t slab)
{
    const struct label_shape *shape = &l->plan.shape;
    uint32_t classes = l->model->network->volume.classes, stored = (classes + 3) / 4 * 4;
    for (size_t n = 0; n < l->params.logit_plane_count; n++) {
        uint32_t plane = l->params.logit_planes[n];
        if (plane / shape->planes != slab)
            continue;
        for (uint32_t j = w->core_first[1]; j < w->core_end[1]; j++)
            for (uint32_t i = w->core_first[0]; i < w->core_end[0]; i++) {
                size_t at = ((size_t)(plane % shape->planes) * shape->size[1] + (j - w->first[1])) * shape->size[0] +
                            (i - w->first[0]);
                memcpy(l->result->logits + ((n * l->box.size[1] + j) * l->box.size[0] + i) * classes,
                       (const float *)l->slab + at * stored, classes * sizeof(float));
            }
    }
}

static vks_status read_tile(struct labelling *l)
{
    const struct label_shape *shape = &l->plan.shape;
    uint32_t stored = (l->model->network->volume.classes + 3) / 4 * 4;
    struct window w = window_of(l);
    for (uint32_t s = 0; s < label_slabs(shape); s++) {
        size_t count = (size_t)slab_planes(l, s) * shape->size[1] * shape->size[0];
        char name[32];
        snprintf(name, sizeof name, "labels.%u", s);
        VKS_TRY(vkr_plan_read(l->compiled, name, l->slab, count * sizeof(int32_t)));
        keep_labels(l, &w, s);
        if (!label_keeps_logits(shape, s))
            continue;
        snprintf(name, sizeof name, "logits.%u", s);
        VKS_TRY(vkr_plan_read(l->compiled, name, l->slab, count * stored * sizeof(float)));
        keep_logits(l, &w, s);
    }
    return VKS_OK;
}

static int on_progress(void *user, double fraction)
{
    const struct labelling *l = user;
    return report(l, (l->tile + fraction) / (l->plan.tiles[0] * l->plan.tiles[1]), "label");
}

static void tell_kernels(const struct labelling *l)
{
    struct vkr_profile_row row;
    for (uint32_t i = 0; l->params.kernel && vkr_plan_profile(l->compiled, i, &row); i++)
        l->params.kernel(l->params.user,
                         &(vks_kernel){ row.node, row.shader, row.variant, row.ms, row.flops, row.bytes });
}

static vks_status run_tiles(struct labelling *l)
{
    const struct vkr_progress progress = { on_progress, l };
    for (l->tile = 0; l->tile < l->plan.tiles[0] * l->plan.tiles[1]; l->tile++) {
        VKS_TRY(write_tile(l));
        VKS_TRY(stage_run(l->model->context, l->compiled, "label", &progress));
        l->result->labels.gpu_ms += vkr_plan_gpu_ms(l->compiled);
        tell_kernels(l);
        VKS_TRY(read_tile(l));
    }
    return VKS_OK;
}

/* ---- after --------------------------------------------------------------------------------------------------------
 */

/* The box's labels in the network's grid, those in the volume's. */
static vks_status finish_labels(struct labelling *l)
{
    struct result *r = l->result;
    uint8_t *grid;
    if (l->params.largest_component)
        VKS_TRY(region_keep_largest(l->labels, l->box.size, &r->labels.components));
    VKS_TRY(vkr_alloc(count_of(l->grid), 1, "labels", (void **)&grid));
    const uint8_t *row = l->labels;
    for (uint32_t k = 0; k < l->box.size[2]; k++)
        for (uint32_t j = 0; j < l->box.size[1]; j++, row += l->box.size[0]) {
            size_t z = l->box.first[2] + k, y = l->box.first[1] + j;
            memcpy(grid + (z * l->grid[1] + y) * l->grid[0] + l->box.first[0], row, l->box.size[0]);
        }
    r->voxels = grid;
    if (r->labels.conformed) {
        r->voxels = NULL;
        vks_status status = vkr_alloc(count_of(l->volume->size), 1, "labels", (void **)&r->voxels);
        if (status == VKS_OK)
            status = conform_back(l->volume, grid, l->model->network->volume.grid, r->voxels);
        vkr_free(grid);
        VKS_TRY(status);
    }
    memcpy(r->labels.size, l->volume->size, sizeof r->labels.size);
    r->labels.voxels = r->voxels;
    r->labels.logits = r->logits;
    r->labels.logit_planes = l->params.logit_plane_count;
    return VKS_OK;
}

static vks_status label(struct labelling *l)
{
    struct clock_lap lap = clock_start();
    vks_stage_time prepare = { 0 }, run = { 0 };
    name_classes(l->result, &l->model->network->volume);
    VKS_TRY(prepare_voxels(l));
    VKS_TRY(choose_box(l));
    VKS_TRY(plan(l));
    VKS_REQUIRE(report(l, 0, "label") == 0, VKS_ERR_CANCELLED, "cancelled");
    VKS_TRY(compile(l));
    clock_add_lap(&lap, &prepare);
    VKS_TRY(run_tiles(l));
    clock_add_lap(&lap, &run);
    l->result->labels.prepare_ms = prepare.wall_ms;
    l->result->labels.prepare_cpu_ms = prepare.cpu_ms;
    l->result->labels.run_ms = run.wall_ms;
    l->result->labels.run_cpu_ms = run.cpu_ms;
    vkr_plan_destroy(&l->compiled);
    VKS_TRY(finish_labels(l));
    VKS_REQUIRE(report(l, 1, "label") == 0, VKS_ERR_CANCELLED, "cancelled");
    return VKS_OK;
}

static vks_status check_call(const vks_model *model, const vks_volume *volume, const vks_label_params *params)
{
    VKS_REQUIRE(model && volume && volume->voxels, VKS_ERR_ARGUMENT,
                "vks_model_label: model, volume and its voxels must not be NULL");
    const struct network *network = model->network;
    VKS_REQUIRE(network->family->label, VKS_ERR_UNSUPPORTED,
                "a model of the family %s wants an image and prompts; it labels "
                "no volume by itself",
                network->family->name);
    VKS_REQUIRE(volume->channels == 1, VKS_ERR_ARGUMENT, "the volume has %u channels; the model wants one",
                volume->channels);
    uint64_t count = 1;
    for (int a = 0; a < 3; a++) {
        VKS_REQUIRE(volume->size[a] > 0 && volume->size[a] <= 32768, VKS_ERR_ARGUMENT,
                    "vks_volume.size is %u x %u x %u; 1 to 32768 voxels a side are wanted", volume->size[0],
                    volume->size[1], volume->size[2]);
        count *= volume->size[a];
    }
    VKS_REQUIRE(count < 1ull << 31, VKS_ERR_ARGUMENT, "the volume has more than 2^31 voxels");
    VKS_REQUIRE(
        params->crop_threshold >= 0 && params->crop_threshold < 1 && params->crop_padding <= 32768, VKS_ERR_ARGUMENT,
        "vks_label_params: crop_threshold is %g, crop_padding %u; expected 0 <= threshold < 1 and at most 32768 voxels",
        (double)params->crop_threshold, params->crop_padding);
    for (size_t i = 1; i < params->logit_plane_count; i++)
        VKS_REQUIRE(params->logit_planes[i - 1] < params->logit_planes[i], VKS_ERR_ARGUMENT,
                    "vks_label_params.logit_planes must ascend");
    return VKS_OK;
}

vks_status vks_model_label(vks_model *model, const vks_volume *volume, const vks_label_params *params, vks_labels **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_model_label: out must not be NULL");
    *out = NULL;
    struct labelling l = { .model = model, .volume = volume };
    VKS_TRY(params_copy(&l.params, sizeof l.params, params, "vks_label_params"));
    VKS_TRY(check_call(model, volume, &l.params));
    VKS_TRY(vkr_alloc(1, sizeof *l.result, "labels", (void **)&l.result));
    vks_labels *labels = &l.result->labels;
    vks_status status = label(&l);
    vkr_plan_destroy(&l.compiled);
    vkr_free(l.voxels);
    vkr_free(l.labels);
    vkr_free(l.slab);
    if (status == VKS_OK)
        *out = labels;
    else
        vks_labels_free(&labels);
    return status;
}
