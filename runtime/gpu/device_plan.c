/* device_plan.c: choosing a device, without touching one. */
#include "gpu/device_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vkr_judge_device(struct vkr_device_entry *entry, uint32_t api_version, const struct vkr_queue_family *families,
                      uint32_t count)
{
    const struct vkr_caps *caps = &entry->caps;
    uint32_t major = api_version >> 22 & 0x7fu, minor = api_version >> 12 & 0x3ffu;
    entry->reason[0] = '\0';
    if (major < 1 || (major == 1 && minor < 1))
        snprintf(entry->reason, sizeof entry->reason, "Vulkan %u.%u; 1.1 is needed, a newer driver may help", major, minor);
    else if (vkr_pick_queue(families, count, caps->device_class) == UINT32_MAX)
        snprintf(entry->reason, sizeof entry->reason, "no compute queue");
    else if (caps->max_invocations < 128 || caps->max_shared < 16384 || caps->max_push < 128)
        snprintf(entry->reason, sizeof entry->reason, "limits below what Vulkan 1.1 guarantees");
    entry->usable = entry->reason[0] == '\0';
}

uint32_t vkr_pick_queue(const struct vkr_queue_family *families, uint32_t count, enum vkr_device_class device_class)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t i = count; i-- > 0;)
        if (families[i].compute && families[i].count > 0)
            first = i;
    for (uint32_t i = 0; i < count && device_class == VKR_CLASS_DISCRETE; i++)
        if (families[i].compute && !families[i].graphics && families[i].count > 0)
            return i;
    return first;
}

static int score(const struct vkr_device_entry *entry)
{
    return (entry->usable ? 8 : 0) + (int)entry->caps.device_class;
}

static bool better(const struct vkr_device_entry *a, const struct vkr_device_entry *b)
{
    return score(a) != score(b) ? score(a) > score(b) : a->caps.heap > b->caps.heap;
}

void vkr_rank_devices(const struct vkr_device_entry *entries, uint32_t count, uint32_t *order)
{
    for (uint32_t i = 0; i < count; i++) {              /* insertion: stable, and machines have few devices */
        uint32_t at = i;
        for (; at > 0 && better(&entries[i], &entries[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static bool contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && text[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length)
            return true;
    }
    return length == 0;
}

void vkr_uuid_text(const uint8_t uuid[16], char text[33])
{
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

static bool matches(const struct vkr_device_entry *entry, const char *which)
{
    char uuid[33];
    if (strcmp(which, "cpu") == 0)
        return entry->caps.device_class == VKR_CLASS_CPU;
    if (strncmp(which, "name:", 5) == 0)
        return contains(entry->caps.name, which + 5);
    vkr_uuid_text(entry->caps.uuid, uuid);
    return contains(uuid, which + 5);                   /* uuid: */
}

static vks_status not_there(const struct vkr_device_entry *entries, uint32_t count, const char *which)
{
    char list[600] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < count && used < sizeof list - 1; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%u %s", i ? ", " : "", i, entries[i].caps.name);
    return vks_fail(VKS_ERR_NO_DEVICE, "no usable device matches \"%s\". Here are: %s", which, count ? list : "none");
}

vks_status vkr_match_device(const struct vkr_device_entry *entries, uint32_t count, const char *which, uint32_t *index)
{
    if (!which || !*which || strcmp(which, "auto") == 0) {
        VKS_REQUIRE(count > 0 && entries[0].usable, VKS_ERR_NO_DEVICE,
                    "no usable Vulkan device. On Debian or Ubuntu, installing mesa-vulkan-drivers brings software Vulkan");
        *index = 0;
        return VKS_OK;
    }
    if (isdigit((unsigned char)which[0])) {
        char *end;
        unsigned long wanted = strtoul(which, &end, 10);
        VKS_REQUIRE(*end == '\0', VKS_ERR_ARGUMENT, "device \"%s\": expected auto, a number, name:TEXT, uuid:HEX or cpu", which);
        if (wanted >= count)
            return not_there(entries, count, which);
        VKS_REQUIRE(entries[wanted].usable, VKS_ERR_NO_DEVICE, "device %lu, %s, cannot be used: %s", wanted,
                    entries[wanted].caps.name, entries[wanted].reason);
        *index = (uint32_t)wanted;
        return VKS_OK;
    }
    VKS_REQUIRE(strcmp(which, "cpu") == 0 || strncmp(which, "name:", 5) == 0 || strncmp(which, "uuid:", 5) == 0,
                VKS_ERR_ARGUMENT, "device \"%s\": expected auto, a number, name:TEXT, uuid:HEX or cpu", which);
    for (uint32_t i = 0; i < count; i++)
        if (entries[i].usable && matches(&entries[i], which)) {
            *index = i;
            return VKS_OK;
        }
    return not_there(entries, count, which);
}
