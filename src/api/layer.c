/* layer.c: any named tensor of the image encoder, as classifiers built on segmentation encoders need. The encoder's plan is
 * made anew so that it keeps its named tensors, and forgotten afterwards: ordinary runs pay nothing for it. */
#include "api/handles.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* As many names as fit, so that whoever mistypes one sees what there is. */
static void list_names(const struct vkr_plan *plan, char *list, size_t size)
{
    uint32_t count = vkr_plan_mark_count(plan);
    size_t used = 0;
    list[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct vkr_desc desc;
        const char *name = vkr_plan_mark(plan, i, &desc);
        int length = snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
        if (length < 0 || (size_t)length + 8 >= size - used) {
            snprintf(list + used, size - used, " ...");
            return;
        }
        used += (size_t)length;
    }
}

static vks_status find(const struct vkr_plan *plan, const char *name, uint32_t *index, struct vkr_desc *desc)
{
    char list[1400];
    uint32_t count = vkr_plan_mark_count(plan);
    for (*index = 0; *index < count; *index += 1)
        if (strcmp(vkr_plan_mark(plan, *index, desc), name) == 0)
            return VKS_OK;
    list_names(plan, list, sizeof list);
    return vks_fail(VKS_ERR_ARGUMENT, "the encoder has no layer \"%.100s\"; it has %s", name, list);
}

/* One block: struct, data. */
static vks_status fetch(struct vkr_plan *plan, const char *name, vks_layer **out)
{
    uint32_t index;
    struct vkr_desc desc;
    vks_layer *layer;
    VKS_TRY(find(plan, name, &index, &desc));
    VKS_REQUIRE(desc.dtype == VKR_F32, VKS_ERR_INTERNAL, "%s is no f32 tensor", name);
    size_t size = (size_t)vkr_bytes(&desc);
    VKS_TRY(vkr_alloc(1, sizeof *layer + size, "a layer", (void **)&layer));
    float *data = (float *)(layer + 1);
    vks_status status = vkr_plan_mark_read(plan, index, data, size);
    if (status != VKS_OK) {
        vkr_free(layer);
        return status;
    }
    snprintf(layer->name, sizeof layer->name, "%s", name);
    layer->rank = desc.rank;
    for (uint32_t i = 0; i < desc.rank; i++)
        layer->shape[i] = desc.dim[i];
    layer->data = data;
    *out = layer;
    return VKS_OK;
}

vks_status vks_session_layer(vks_session *session, const vks_image *image, const char *name, vks_layer **out)
{
    VKS_REQUIRE(out, VKS_ERR_ARGUMENT, "vks_session_layer: out must not be NULL");
    *out = NULL;
    VKS_REQUIRE(session && image && name, VKS_ERR_ARGUMENT,
                "vks_session_layer: session, image and name must not be NULL");
    const struct family *family = session->model->network->family;
    VKS_REQUIRE(!family->support, VKS_ERR_UNSUPPORTED, "the family %s has no image encoder of its own to read layers of",
                family->name);
    vkr_plan_destroy(&session->encode);
    session->keeps_layers = true;
    vks_status status = vks_session_set_image(session, image);
    session->keeps_layers = false;
    if (status == VKS_OK)
        status = fetch(session->encode, name, out);
    vkr_plan_destroy(&session->encode);
    return status;
}

void vks_layer_free(vks_layer **layer)
{
    if (!layer)
        return;
    vkr_free(*layer);
    *layer = NULL;
}
