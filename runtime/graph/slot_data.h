/* slot_data.h: what a slot is made of. Private to runtime/graph. */
#ifndef VKR_SLOT_DATA_H
#define VKR_SLOT_DATA_H

#include "graph/slot.h"

struct vkr_slot {
    struct vkr_device *device;
    struct vkr_buffer *buffer;
    struct vkr_desc desc;
    char *name;
};

#endif
