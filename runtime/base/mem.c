/* mem.c: allocation with failure injection, checked arithmetic, arena. */
#include "mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t fail_at;

static bool refuse(void)
{
    uint64_t n = atomic_fetch_add(&calls, 1) + 1;
    return n == atomic_load(&fail_at);
}

void vkr_mem_fail_at(uint64_t n)
{
    atomic_store(&calls, 0);
    atomic_store(&fail_at, n);
}

uint64_t vkr_mem_calls(void)
{
    return atomic_load(&calls);
}

void *vkr_calloc(size_t count, size_t size)
{
    return count == 0 || size == 0 || refuse() ? NULL : calloc(count, size);
}

void *vkr_realloc(void *block, size_t size)
{
    return size == 0 || refuse() ? NULL : realloc(block, size);
}

void vkr_free(void *block)
{
    free(block);
}

char *vkr_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = vkr_calloc(1, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

vks_status vkr_alloc(size_t count, size_t size, const char *what, void **out)
{
    *out = vkr_calloc(count, size);
    VKS_REQUIRE(*out, VKS_ERR_HOST_MEMORY, "out of memory: %zu x %zu bytes for %s", count, size, what);
    return VKS_OK;
}

bool vkr_mul(size_t a, size_t b, size_t *out)
{
    if (a != 0 && b > SIZE_MAX / a)
        return false;
    *out = a * b;
    return true;
}

bool vkr_add_size(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a)
        return false;
    *out = a + b;
    return true;
}

struct vkr_arena_block {
    struct vkr_arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

void *vkr_arena_alloc(struct vkr_arena *arena, size_t size)
{
    enum { BLOCK = 64 * 1024 };
    size = (size + 15) & ~(size_t)15;
    struct vkr_arena_block *block = arena->head;
    if (!block || block->size - block->used < size) {
        size_t capacity = size > BLOCK ? size : BLOCK;
        block = vkr_calloc(1, sizeof *block + capacity);
        if (!block)
            return NULL;
        block->size = capacity;
        block->next = arena->head;
        arena->head = block;
    }
    void *result = block->bytes + block->used;
    block->used += size;
    return result;
}

char *vkr_arena_strdup(struct vkr_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = vkr_arena_alloc(arena, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void vkr_arena_destroy(struct vkr_arena *arena)
{
    while (arena->head) {
        struct vkr_arena_block *next = arena->head->next;
        vkr_free(arena->head);
        arena->head = next;
    }
}

vks_status vkr_grow(void **items, uint32_t *capacity, uint32_t count, size_t size)
{
    if (count < *capacity)
        return VKS_OK;
    uint32_t wanted = *capacity ? *capacity * 2 : 16;
    while (wanted <= count)
        wanted *= 2;
    void *grown = vkr_realloc(*items, (size_t)wanted * size);
    VKS_REQUIRE(grown, VKS_ERR_HOST_MEMORY, "out of memory: %u elements of %zu bytes", wanted, size);
    memset((unsigned char *)grown + (size_t)*capacity * size, 0, (size_t)(wanted - *capacity) * size);
    *items = grown;
    *capacity = wanted;
    return VKS_OK;
}
