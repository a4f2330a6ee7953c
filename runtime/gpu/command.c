/* command.c: record, replay, time. Command buffers are recorded once; descriptor sets are written once. */
#include "gpu/command.h"

#include "gpu/memory_data.h"
#include "gpu/pipeline_data.h"

enum { IN_FLIGHT = 2, MAX_BINDINGS = 8 };

struct submission { VkCommandBuffer buffer; VkFence fence; bool pending; };

struct vkr_commands {
    struct vkr_device *device;
    struct vkr_commands_params params;
    VkCommandPool pool;
    VkDescriptorPool descriptors;
    VkBufferView *views;
    struct submission *submissions;
    VkQueryPool queries;
    uint64_t *ticks;
    uint32_t submission_count, dispatch_count, view_count, query_count;
    bool recording;
};

static vks_status create_descriptor_pool(struct vkr_commands *c)
{
    VkDescriptorPoolSize sizes[3];
    uint32_t count = 0, storage = c->params.bindings - c->params.texels;
    if (storage)
        sizes[count++] = (VkDescriptorPoolSize){ VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, storage };
    if (c->params.texels > c->params.images)
        sizes[count++] = (VkDescriptorPoolSize){ VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, c->params.texels - c->params.images };
    if (c->params.images)
        sizes[count++] = (VkDescriptorPoolSize){ VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER, c->params.images };
    VkDescriptorPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = c->params.dispatches,
                                        .poolSizeCount = count, .pPoolSizes = sizes };
    VK_TRY(c->device->vk.vkCreateDescriptorPool(c->device->handle, &info, NULL, &c->descriptors));
    return VKS_OK;
}

static vks_status create_queries(struct vkr_commands *c)
{
    if (!(c->device->caps.bits & VKR_CAP_TIMESTAMP) || c->device->caps.timestamp_ns <= 0)
        return VKS_OK;
    uint32_t count = c->params.timestamps ? c->params.dispatches + 1 : 2;
    VKS_TRY(vkr_alloc(count, sizeof *c->ticks, "timestamps", (void **)&c->ticks));
    VkQueryPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                   .queryCount = count };
    VK_TRY(c->device->vk.vkCreateQueryPool(c->device->handle, &info, NULL, &c->queries));
    c->query_count = count;
    return VKS_OK;
}

static vks_status begin(struct vkr_commands *c)
{
    const struct VolkDeviceTable *vk = &c->device->vk;
    struct submission *s = &c->submissions[c->submission_count];
    VKS_REQUIRE(c->submission_count < c->params.submissions, VKS_ERR_INTERNAL, "more submissions than announced");
    VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandBufferCount = 1,
                                             .commandPool = c->pool };
    VK_TRY(vk->vkAllocateCommandBuffers(c->device->handle, &allocate, &s->buffer));
    VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
    VK_TRY(vk->vkCreateFence(c->device->handle, &fence, NULL, &s->fence));
    VkCommandBufferBeginInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    VK_TRY(vk->vkBeginCommandBuffer(s->buffer, &info));
    if (c->queries && c->submission_count == 0) {
        vk->vkCmdResetQueryPool(s->buffer, c->queries, 0, c->query_count);
        vk->vkCmdWriteTimestamp(s->buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, c->queries, 0);
    }
    c->submission_count++;
    c->recording = true;
    return VKS_OK;
}

static VkCommandBuffer current(const struct vkr_commands *c)
{
    return c->submissions[c->submission_count - 1].buffer;
}

static vks_status create(struct vkr_commands *c)
{
    const struct VolkDeviceTable *vk = &c->device->vk;
    VKS_TRY(vkr_alloc(c->params.submissions, sizeof *c->submissions, "submissions", (void **)&c->submissions));
    VKS_TRY(vkr_alloc(c->params.texels + 1, sizeof *c->views, "buffer views", (void **)&c->views));
    VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, .queueFamilyIndex = c->device->queue_family };
    VK_TRY(vk->vkCreateCommandPool(c->device->handle, &pool, NULL, &c->pool));
    VKS_TRY(create_descriptor_pool(c));
    VKS_TRY(create_queries(c));
    return begin(c);
}

vks_status vkr_commands_create(struct vkr_device *device, const struct vkr_commands_params *params, struct vkr_commands **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "a command sequence", (void **)out));
    (*out)->device = vkr_device_retain(device);
    (*out)->params = *params;
    vks_status status = create(*out);
    if (status != VKS_OK)
        vkr_commands_destroy(out);
    return status;
}

void vkr_commands_destroy(struct vkr_commands **commands)
{
    struct vkr_commands *c = *commands;
    *commands = NULL;
    if (!c)
        return;
    VkDevice handle = c->device->handle;
    const struct VolkDeviceTable *vk = &c->device->vk;
    for (uint32_t i = 0; i < c->params.submissions && c->submissions; i++) {
        if (c->submissions[i].pending)              /* a run failed half-way: the device may still be at it */
            vk->vkWaitForFences(handle, 1, &c->submissions[i].fence, VK_TRUE, UINT64_MAX);
        if (c->submissions[i].fence)
            vk->vkDestroyFence(handle, c->submissions[i].fence, NULL);
    }
    for (uint32_t i = 0; i < c->view_count; i++)
        vk->vkDestroyBufferView(handle, c->views[i], NULL);
    if (c->queries)
        vk->vkDestroyQueryPool(handle, c->queries, NULL);
    if (c->descriptors)
        vk->vkDestroyDescriptorPool(handle, c->descriptors, NULL);
    if (c->pool)
        vk->vkDestroyCommandPool(handle, c->pool, NULL);
    vkr_free(c->views);
    vkr_free(c->submissions);
    vkr_free(c->ticks);
    vkr_device_release(&c->device);
    vkr_free(c);
}

vks_status vkr_commands_split(struct vkr_commands *c)
{
    VK_TRY(c->device->vk.vkEndCommandBuffer(current(c)));
    return begin(c);
}

void vkr_commands_barrier(struct vkr_commands *c)
{
    VkMemoryBarrier barrier = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT };
    c->device->vk.vkCmdPipelineBarrier(current(c), VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0,
                                       1, &barrier, 0, NULL, 0, NULL);
}

static vks_status write_set(struct vkr_commands *c, VkDescriptorSet set, const struct vkr_bind_range *ranges, uint32_t count)
{
    const struct VolkDeviceTable *vk = &c->device->vk;
    VkWriteDescriptorSet writes[MAX_BINDINGS];
    VkDescriptorBufferInfo buffers[MAX_BINDINGS];
    for (uint32_t i = 0; i < count; i++) {
        writes[i] = (VkWriteDescriptorSet){ .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = set, .dstBinding = i,
                                            .descriptorCount = 1 };
        if (ranges[i].kind == VKR_BIND_STORAGE) {
            buffers[i] = (VkDescriptorBufferInfo){ ranges[i].buffer->handle, ranges[i].offset, ranges[i].size };
            writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            writes[i].pBufferInfo = &buffers[i];
            continue;
        }
        VkBufferViewCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO, .buffer = ranges[i].buffer->handle,
            .format = ranges[i].kind == VKR_BIND_TEXEL_F16 ? VK_FORMAT_R16G16B16A16_SFLOAT : VK_FORMAT_R32G32B32A32_SFLOAT,
            .offset = ranges[i].offset, .range = ranges[i].size };
        VKS_REQUIRE(c->view_count < c->params.texels, VKS_ERR_INTERNAL, "more texel bindings than announced");
        VK_TRY(vk->vkCreateBufferView(c->device->handle, &info, NULL, &c->views[c->view_count]));
        writes[i].descriptorType = ranges[i].kind == VKR_BIND_IMAGE_F32 ? VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER
                                                                        : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        writes[i].pTexelBufferView = &c->views[c->view_count++];
    }
    vk->vkUpdateDescriptorSets(c->device->handle, count, writes, 0, NULL);
    return VKS_OK;
}

vks_status vkr_commands_dispatch(struct vkr_commands *c, struct vkr_pipeline *pipeline, const struct vkr_bind_range *ranges,
                                 uint32_t count, const void *args, uint32_t args_size, const uint32_t groups[3])
{
    const struct VolkDeviceTable *vk = &c->device->vk;
    VkCommandBuffer buffer = current(c);
    VkDescriptorSet set;
    VkDescriptorSetAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO, .descriptorSetCount = 1,
                                             .descriptorPool = c->descriptors, .pSetLayouts = &pipeline->set_layout };
    VK_TRY(vk->vkAllocateDescriptorSets(c->device->handle, &allocate, &set));
    VKS_TRY(write_set(c, set, ranges, count));
    vk->vkCmdBindPipeline(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    vk->vkCmdBindDescriptorSets(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, &set, 0, NULL);
    if (args_size)
        vk->vkCmdPushConstants(buffer, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, args_size, args);
    vk->vkCmdDispatch(buffer, groups[0], groups[1], groups[2]);
    c->dispatch_count++;
    if (c->queries && c->params.timestamps)
        vk->vkCmdWriteTimestamp(buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, c->queries, c->dispatch_count);
    return VKS_OK;
}

vks_status vkr_commands_end(struct vkr_commands *c)
{
    const struct VolkDeviceTable *vk = &c->device->vk;
    VkMemoryBarrier barrier = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                .dstAccessMask = VK_ACCESS_HOST_READ_BIT };
    vk->vkCmdPipelineBarrier(current(c), VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0,
                             NULL, 0, NULL);
    if (c->queries && !c->params.timestamps)
        vk->vkCmdWriteTimestamp(current(c), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, c->queries, 1);
    VK_TRY(vk->vkEndCommandBuffer(current(c)));
    c->recording = false;
    return VKS_OK;
}

static vks_status wait_for(struct vkr_commands *c, uint32_t index)
{
    VKS_TRY(vkr_fence_wait(c->device, c->submissions[index].fence));
    c->submissions[index].pending = false;
    return VKS_OK;
}

static vks_status start(struct vkr_commands *c, uint32_t index)
{
    struct submission *s = &c->submissions[index];
    VK_TRY(c->device->vk.vkResetFences(c->device->handle, 1, &s->fence));
    VKS_TRY(vkr_queue_submit(c->device, s->buffer, s->fence));
    s->pending = true;
    return VKS_OK;
}

static vks_status read_ticks(struct vkr_commands *c)
{
    if (c->queries)
        VK_TRY(c->device->vk.vkGetQueryPoolResults(c->device->handle, c->queries, 0, c->query_count,
                                                   c->query_count * sizeof *c->ticks, c->ticks, sizeof *c->ticks,
                                                   VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    return VKS_OK;
}

vks_status vkr_commands_run(struct vkr_commands *c, int (*each)(void *user, uint32_t finished), void *user)
{
    bool stop = false;
    uint32_t started = 0, finished = 0;
    for (uint32_t i = 0; i < c->submission_count; i++)      /* left over from a failed run */
        if (c->submissions[i].pending)
            VKS_TRY(wait_for(c, i));
    while (finished < c->submission_count && !(stop && finished == started)) {
        while (!stop && started < c->submission_count && started - finished < IN_FLIGHT) {
            VKS_TRY(start(c, started));
            started++;
        }
        VKS_TRY(wait_for(c, finished));
        finished++;
        stop = stop || (each && each(user, finished) != 0);
    }
    VKS_REQUIRE(!stop || finished == c->submission_count, VKS_ERR_CANCELLED, "cancelled");
    return read_ticks(c);
}

double vkr_commands_ms(const struct vkr_commands *c)
{
    if (!c->queries)
        return 0;
    return (double)(c->ticks[c->query_count - 1] - c->ticks[0]) * (double)c->device->caps.timestamp_ns * 1e-6;
}

double vkr_commands_dispatch_ms(const struct vkr_commands *c, uint32_t index)
{
    if (!c->queries || !c->params.timestamps || index >= c->dispatch_count)
        return 0;
    return (double)(c->ticks[index + 1] - c->ticks[index]) * (double)c->device->caps.timestamp_ns * 1e-6;
}
