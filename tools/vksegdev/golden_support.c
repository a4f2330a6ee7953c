/* golden_support.c: a case with a support set: target.npy, support_images.npy, support_labels.npy, all of one size. Of
 * the supports, the case keeps the first. */
#include "golden.h"

#include "api/handles.h"
#include "base/mem.h"
#include "base/npy.h"

#include <stdio.h>
#include <string.h>

struct pixels {
    struct vkr_desc desc;
    uint8_t *data;
};

static vks_status read_pixels(const struct golden *golden, const char *file, struct pixels *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", golden->folder, file);
    VKS_TRY(vkr_npy_read(path, &out->desc, (void **)&out->data));
    VKS_REQUIRE(out->desc.dtype == VKR_U8 && out->desc.rank >= 2, VKS_ERR_CORRUPT, "%s holds no 8-bit images", path);
    return VKS_OK;
}

static vks_image image_at(const struct pixels *pixels, size_t index)
{
    uint32_t height = pixels->desc.dim[pixels->desc.rank - 2], width = pixels->desc.dim[pixels->desc.rank - 1];
    return (vks_image){ .pixels = pixels->data + index * height * width,
                        .type = VKS_PIXEL_U8,
                        .width = width,
                        .height = height,
                        .channels = 1 };
}

/* The golden is [.., C, H, W], evenly sampled; `got` is [N, H, W, C], of which the first counts. */
static vks_status compare_sampled(struct golden *golden, const char *name, const char *path,
                                  const struct golden_array *got)
{
    const uint32_t *shape = got->desc.dim + got->desc.rank - 3;
    const json_t *dims = json_object_get(golden_find(golden, name, NULL), "shape");
    size_t rank = json_array_size(dims), count = 0;
    uint32_t rows = rank ? (uint32_t)json_integer_value(json_array_get(dims, rank - 1)) : 0;
    uint32_t step = rows && rows <= shape[0] ? shape[0] / rows : 1;
    float *kept;
    VKS_TRY(vkr_alloc((size_t)shape[0] * shape[1] * shape[2], sizeof *kept, name, (void **)&kept));
    for (size_t c = 0; c < shape[2]; c++)
        for (size_t y = 0; y < shape[0]; y += step)
            for (size_t x = 0; x < shape[1]; x += step)
                kept[count++] = got->data[(y * shape[1] + x) * shape[2] + c];
    vks_status status = golden_compare(golden, name, path, kept, count, false);
    vkr_free(kept);
    return status;
}

static vks_status compare_dump(struct golden *golden, const char *name, const char *path)
{
    char file[256];
    struct golden_array got;
    if (!golden_find(golden, name, NULL))
        return VKS_OK;
    snprintf(file, sizeof file, "encode.%s.npy", path);
    VKS_TRY(golden_array_read(golden->temporary, file, &got));
    vks_status status = got.desc.rank >= 3 ? compare_sampled(golden, name, path, &got)
                                           : vks_fail(VKS_ERR_CHECK, "%s is no grid", path);
    golden_array_free(&got);
    return status;
}

static vks_status compare_blocks(struct golden *golden)
{
    static const char *const halves[] = { "enc", "dec" }, *const parts[] = { "target", "support" };
    for (unsigned i = 0; i < 32; i++) {
        unsigned level = i / 4;
        const char *half = halves[i / 2 % 2], *part = parts[i % 2];
        char name[64], path[64];
        snprintf(name, sizeof name, "%s%u_%s%s_sub", half, level, part, i % 2 ? "_s0" : "");
        snprintf(path, sizeof path, "%s_blocks.%u.%s", half, level, part);
        VKS_TRY(compare_dump(golden, name, path));
    }
    return VKS_OK;
}

static vks_status compare_result(struct golden *golden)
{
    vks_masks *masks = NULL;
    VKS_TRY(vks_session_predict(golden->session, NULL, 0, 0, &masks));
    uint64_t count = (uint64_t)masks->width * masks->height;
    float *mask = NULL;
    vks_status status =
        golden_compare(golden, "logits", "out_conv.conv", masks->logits,
                       (uint64_t)masks->logits_width * masks->logits_height, false);
    if (status == VKS_OK)
        status = vkr_alloc(count, sizeof *mask, "a mask", (void **)&mask);
    for (uint64_t i = 0; status == VKS_OK && i < count; i++)
        mask[i] = masks->mask[i];
    if (status == VKS_OK)
        status = golden_compare(golden, "mask", "mask", mask, count, false);
    vkr_free(mask);
    vks_masks_free(&masks);
    return status;
}

static vks_status run(struct golden *golden, const struct pixels *target, const struct pixels *images,
                      const struct pixels *labels)
{
    vks_example *examples;
    uint32_t count = images->desc.dim[0];
    VKS_REQUIRE(images->desc.rank == 3 && vkr_same_shape(&images->desc, &labels->desc), VKS_ERR_CORRUPT,
                "supports and labels of %s differ in shape", golden->folder);
    VKS_TRY(vkr_alloc(count, sizeof *examples, "the examples", (void **)&examples));
    for (uint32_t i = 0; i < count; i++)
        examples[i] = (vks_example){ image_at(images, i), image_at(labels, i) };
    /* The case divides by 255, whatever the images' range. */
    struct image_spec *spec = &golden->model->network->image;
    spec->normalisation = IMAGE_MEAN_STD;
    spec->divisor = 255;
    for (int c = 0; c < 3; c++)
        spec->std[c] = 1;
    vks_status status = vks_session_set_support(golden->session, examples, count);
    vkr_free(examples);
    VKS_TRY(status);
    const vks_image image = image_at(target, 0);
    VKS_TRY(vks_session_set_image(golden->session, &image));
    VKS_TRY(compare_blocks(golden));
    return compare_result(golden);
}

bool golden_is_support(const struct golden *golden)
{
    return golden->model->network->family->support != NULL;
}

vks_status golden_support(struct golden *golden)
{
    struct pixels target = { 0 }, images = { 0 }, labels = { 0 };
    vks_status status = read_pixels(golden, "target.npy", &target);
    if (status == VKS_OK)
        status = read_pixels(golden, "support_images.npy", &images);
    if (status == VKS_OK)
        status = read_pixels(golden, "support_labels.npy", &labels);
    if (status == VKS_OK)
        status = run(golden, &target, &images, &labels);
    vkr_free(target.data);
    vkr_free(images.data);
    vkr_free(labels.data);
    return status;
}
