/* synth_table.h: the lines of a synthetic checkpoint's table. */
#ifndef VKS_SYNTH_TABLE_H
#define VKS_SYNTH_TABLE_H

#include "base/mem.h"
#include "base/shape.h"

struct synth_line {
    const char *name;           /* printable ASCII without quote and backslash */
    struct vkr_desc desc;       /* f32 or i64 */
    uint64_t seed;
    float c, a;
    uint32_t crc32;
    unsigned number;            /* in the table, from 1 */
};

struct synth_table {
    struct synth_line *lines;   /* ascending by name */
    uint32_t count, capacity;
    struct vkr_arena arena;
};

/* Errors: CORRUPT with the line number, HOST_MEMORY. On failure the table still wants synth_table_free. */
vks_status synth_table_parse(struct synth_table *table, const void *bytes, size_t size);
void synth_table_free(struct synth_table *table);

#endif
