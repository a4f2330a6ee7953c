/* family.c: choosing a family for a file. */
#include "models/family.h"

#include <stdio.h>
#include <string.h>

static const struct family *const families[] = {
#define FAMILY(name) &family_##name,
#include "models/models.def"
#undef FAMILY
};
enum { FAMILY_COUNT = sizeof families / sizeof *families };

const struct family *family_at(uint32_t index)
{
    return index < FAMILY_COUNT ? families[index] : NULL;
}

void family_takers(uint32_t accepts, char *list, size_t size)
{
    list[0] = '\0';
    for (uint32_t i = 0; i < FAMILY_COUNT; i++) {
        size_t used = strlen(list);
        if ((families[i]->accepts & accepts) == accepts)
            snprintf(list + used, size - used, "%s%s", used ? ", " : "", families[i]->name);
    }
}

static void list_families(char *list, size_t size)
{
    family_takers(0, list, size);
}

static const char *base_name(const char *path)
{
    const char *name = path ? path : "";
    for (const char *at = name; *at; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    return name;
}

static vks_status by_wish(const char *name, const struct family **out)
{
    char list[256];
    list_families(list, sizeof list);
    for (uint32_t i = 0; i < FAMILY_COUNT; i++)
        if (strcmp(families[i]->name, name) == 0) {
            *out = families[i];
            return VKS_OK;
        }
    return vks_fail(VKS_ERR_ARGUMENT, "\"%.64s\" is no model family of this version; it knows %s", name, list);
}

static vks_status by_content(const struct weights *weights, const char *file_name, const struct family **out)
{
    char list[256];
    list_families(list, sizeof list);
    for (uint32_t i = 0; i < FAMILY_COUNT; i++)
        if (families[i]->matches(weights, file_name)) {
            *out = families[i];
            return VKS_OK;
        }
    uint32_t count = weights_count(weights);
    return vks_fail(
        VKS_ERR_MODEL,
        "the %u tensors of this %s file (first %.100s) are of no model family of this version, which knows %s", count,
        weights_format(weights), count ? weights_at(weights, 0)->name : "none", list);
}

vks_status family_open(const struct weights *weights, const struct family_wish *wish, struct network **out)
{
    static const struct family_wish none = { 0 };
    const struct family *family = NULL;
    *out = NULL;
    wish = wish ? wish : &none;
    const char *named = wish->family ? wish->family : weights_meta(weights, "vkseg.family");
    if (named)
        VKS_TRY(by_wish(named, &family));
    else
        VKS_TRY(by_content(weights, base_name(wish->file_name), &family));
    VKS_TRY(family->open(family, weights, wish->options, named != NULL, out));
    struct network *network = *out;
    if (!network->family->label && network->feature_count == 0) {
        network->features[0] =
            (struct family_feature){ "embedding", vkr_f32(3, network->grid, network->grid, network->channels) };
        network->feature_count = 1;
    }
    return VKS_OK;
}

void family_keep(const struct network *network, struct nn n, struct vkr_slot *const *slots, uint32_t index,
                 struct vkr_tensor *tensor)
{
    const struct family_feature *feature = &network->features[index];
    tensor = vkr_reshape(n.graph, tensor, feature->desc);
    if (slots)
        vkr_graph_store(n.graph, tensor, slots[index]);
    else
        vkr_graph_output(n.graph, tensor, feature->name);
}

struct vkr_tensor *family_feature(const struct network *network, struct nn n, struct vkr_slot *const *slots,
                                  uint32_t index)
{
    const struct family_feature *feature = &network->features[index];
    return slots ? vkr_graph_slot(n.graph, slots[index]) : vkr_graph_input(n.graph, feature->name, feature->desc);
}

void family_close(struct network **network)
{
    if (*network)
        (*network)->family->close(*network);
    *network = NULL;
}

vks_status family_read(void *user, const char *name, const struct vkr_desc *desc, void *dst)
{
    const struct network *network = user;
    return network->family->read(network, name, desc, dst);
}
