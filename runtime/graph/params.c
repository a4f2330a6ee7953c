/* params.c: the parameter store. Raw weights and folded results lie in slabs; a folded result's raw weights are uploaded
 * to a passing buffer only, so that packing never holds the whole model twice. */
#include "graph/params.h"

#include "base/mem.h"
#include "base/thread.h"
#include "gpu/device.h"
#include "gpu/memory.h"
#include "graph/params_data.h"
#include "graph/record.h"

#include <string.h>

enum { SLAB_BYTES = 64 << 20, NAME_BYTES = 2048 };

struct entry {
    char *name;
    uint32_t hash;
    struct vkr_buffer *slab;
    uint64_t offset, size;
};

struct slab { struct vkr_buffer *buffer; uint64_t used; };

struct vkr_params {
    struct vkr_device *device;
    struct vkr_params_source source;
    struct vkr_mutex lock;
    struct entry *entries;
    struct slab *slabs;
    uint32_t entry_count, entry_capacity, slab_count, slab_capacity;
};

vks_status vkr_params_create(struct vkr_device *device, const struct vkr_params_source *source, struct vkr_params **out)
{
    VKS_TRY(vkr_alloc(1, sizeof **out, "the parameter store", (void **)out));
    (*out)->device = vkr_device_retain(device);
    (*out)->source = *source;
    vkr_mutex_init(&(*out)->lock);
    return VKS_OK;
}

void vkr_params_destroy(struct vkr_params **params)
{
    struct vkr_params *p = *params;
    *params = NULL;
    if (!p)
        return;
    for (uint32_t i = 0; i < p->entry_count; i++)
        vkr_free(p->entries[i].name);
    for (uint32_t i = 0; i < p->slab_count; i++)
        vkr_buffer_destroy(&p->slabs[i].buffer);
    vkr_free(p->entries);
    vkr_free(p->slabs);
    vkr_mutex_destroy(&p->lock);
    vkr_device_release(&p->device);
    vkr_free(p);
}

uint64_t vkr_params_bytes(const struct vkr_params *params)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < params->slab_count; i++)
        bytes += vkr_buffer_size(params->slabs[i].buffer);
    return bytes;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static struct entry *find(struct vkr_params *params, const char *name)
{
    uint32_t hash = hash_of(name);
    for (uint32_t i = 0; i < params->entry_count; i++)
        if (params->entries[i].hash == hash && strcmp(params->entries[i].name, name) == 0)
            return &params->entries[i];
    return NULL;
}

/* Room for `size` bytes in the newest slab or a new one; recorded only when commit()ed. */
static vks_status reserve(struct vkr_params *params, uint64_t size, struct vkr_buffer **buffer, uint64_t *offset)
{
    uint64_t align = vkr_device_caps(params->device)->align;
    for (uint32_t i = 0; i < params->slab_count; i++) {
        uint64_t at = (params->slabs[i].used + align - 1) / align * align;
        if (at + size + 4 <= vkr_buffer_size(params->slabs[i].buffer)) {
            *buffer = params->slabs[i].buffer;
            *offset = at;
            return VKS_OK;
        }
    }
    VKS_TRY(VKR_GROW(params->slabs, params->slab_capacity, params->slab_count));
    struct slab *slab = &params->slabs[params->slab_count];
    VKS_TRY(vkr_buffer_create(params->device, size + 4 > SLAB_BYTES ? size + 4 : SLAB_BYTES, VKR_MEMORY_DEVICE, "the weights",
                              &slab->buffer));
    slab->used = 0;
    params->slab_count++;
    *buffer = slab->buffer;
    *offset = 0;
    return VKS_OK;
}

static vks_status commit(struct vkr_params *params, const char *name, struct vkr_buffer *buffer, uint64_t offset, uint64_t size)
{
    VKS_TRY(VKR_GROW(params->entries, params->entry_capacity, params->entry_count));
    char *copy = vkr_strdup(name);
    VKS_REQUIRE(copy, VKS_ERR_HOST_MEMORY, "out of memory for weight %s", name);
    params->entries[params->entry_count++] = (struct entry){ copy, hash_of(name), buffer, offset, size };
    for (uint32_t i = 0; i < params->slab_count; i++)
        if (params->slabs[i].buffer == buffer)
            params->slabs[i].used = offset + size;
    return VKS_OK;
}

/* Reads a raw weight from its source straight into mapped memory, or through a passing block. */
static vks_status upload(struct vkr_params *params, const struct vkr_tensor *tensor, struct vkr_buffer *buffer, uint64_t offset)
{
    uint64_t size = vkr_bytes(&tensor->desc);
    void *map = vkr_buffer_map(buffer), *block = NULL;
    if (map)
        return params->source.read(params->source.user, tensor->name, &tensor->desc, (char *)map + offset);
    VKS_TRY(vkr_alloc(1, size, tensor->name, &block));
    vks_status status = params->source.read(params->source.user, tensor->name, &tensor->desc, block);
    if (status == VKS_OK)
        status = vkr_upload(params->device, buffer, offset, block, size);
    vkr_free(block);
    return status;
}

struct fold { struct vkr_buffer *buffer; uint64_t offset; };

static vks_status find_result(void *user, const struct vkr_tensor *base, struct vkr_buffer **buffer, uint64_t *offset)
{
    const struct fold *fold = user;
    (void)base;
    *buffer = fold->buffer;
    *offset = fold->offset;
    return VKS_OK;
}

static vks_status run_fold(struct vkr_params *params, const struct vkr_program *program, struct fold *result)
{
    struct vkr_graph *graph = program->graph;
    struct vkr_buffer *arena = NULL;
    struct vkr_commands *commands = NULL;
    struct vkr_resolver resolver = { find_result, result };
    vks_status status = vkr_buffer_create(params->device, program->arena_bytes, VKR_MEMORY_DEVICE, "packing a weight", &arena);
    for (uint32_t i = 0; i < graph->tensor_count && status == VKS_OK; i++) {
        const struct vkr_tensor *tensor = graph->tensors[i];
        if (tensor->kind == VKR_PARAM && tensor->base == tensor && i < program->place_count &&
            program->places[i].space == VKR_SPACE_ARENA)
            status = upload(params, tensor, arena, program->places[i].offset);
    }
    if (status == VKS_OK)
        status = vkr_record(params->device, program, arena, &resolver, false, &commands);
    if (status == VKS_OK)
        status = vkr_commands_run(commands, NULL, NULL);
    vkr_commands_destroy(&commands);
    vkr_buffer_destroy(&arena);
    return status;
}

static vks_status add(struct vkr_params *params, struct vkr_graph *graph, const struct vkr_tensor *base, const char *name)
{
    uint64_t size = vkr_bytes(&base->desc);
    struct fold result = { 0 };
    VKS_TRY(reserve(params, size, &result.buffer, &result.offset));
    if (base->kind == VKR_PARAM) {
        VKS_TRY(upload(params, base, result.buffer, result.offset));
    } else {
        struct vkr_program program;
        VKS_TRY(vkr_program_build(graph, base, &program));
        vks_status status = run_fold(params, &program, &result);
        vkr_program_destroy(&program);
        VKS_TRY(status);
    }
    return commit(params, name, result.buffer, result.offset, size);
}

vks_status vkr_params_resolve(struct vkr_params *params, struct vkr_graph *graph, const struct vkr_tensor *base,
                              struct vkr_buffer **buffer, uint64_t *offset)
{
    char name[NAME_BYTES];
    VKS_TRY(vkr_fold_name(graph, base, name, sizeof name));
    vkr_mutex_lock(&params->lock);
    struct entry *entry = find(params, name);
    vks_status status = entry ? VKS_OK : add(params, graph, base, name);
    if (status == VKS_OK) {
        entry = entry ? entry : &params->entries[params->entry_count - 1];
        *buffer = entry->slab;
        *offset = entry->offset;
    }
    vkr_mutex_unlock(&params->lock);
    return status;
}
