/* mem.h: host memory. Every allocation of the library goes through here, so that tests can make the n-th one fail.
 * Sizes that come from files are multiplied only through vkr_mul/vkr_add. */
#ifndef VKR_MEM_H
#define VKR_MEM_H

#include "status.h"

#include <stdbool.h>

/* malloc family; zeroed. NULL when out of memory, when size is 0, or when failure injection says so. */
void *vkr_calloc(size_t count, size_t size);
void *vkr_realloc(void *block, size_t size);   /* as realloc; the old block stays valid on failure */
void vkr_free(void *block);                    /* accepts NULL */
char *vkr_strdup(const char *text);

/* vkr_calloc into *out, or VKS_ERR_HOST_MEMORY with a sentence that names `what`. */
vks_status vkr_alloc(size_t count, size_t size, const char *what, void **out);

/* *out = a * b (a + b); false on overflow. */
bool vkr_mul(size_t a, size_t b, size_t *out);
bool vkr_add_size(size_t a, size_t b, size_t *out);

/* Bump allocator: everything dies together. Zero-initialise to create. */
struct vkr_arena { struct vkr_arena_block *head; };
void *vkr_arena_alloc(struct vkr_arena *arena, size_t size);           /* zeroed, 16-byte aligned; NULL when out of memory */
char *vkr_arena_strdup(struct vkr_arena *arena, const char *text);
void vkr_arena_destroy(struct vkr_arena *arena);

/* Grows *items (elements of `size` bytes, *capacity of them) so that index `count` exists. */
vks_status vkr_grow(void **items, uint32_t *capacity, uint32_t count, size_t size);
#define VKR_GROW(items, capacity, count) vkr_grow((void **)&(items), &(capacity), (count), sizeof *(items))

/* Failure injection, for tests: the call number `n` (1-based, counted over all threads from this moment) to a
 * vkr_* allocation returns NULL; 0 switches it off. vkr_mem_calls() tells how many calls were counted. */
void vkr_mem_fail_at(uint64_t n);
uint64_t vkr_mem_calls(void);

#endif
