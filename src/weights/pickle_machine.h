/* pickle_machine.h: the stack, marks and memo of pickle.c, all bounded. */
#ifndef VKS_PICKLE_MACHINE_H
#define VKS_PICKLE_MACHINE_H

#include "weights/pickle.h"

#include <stdbool.h>

struct machine {
    const unsigned char *begin, *at, *end;
    const char *label;
    enum pickle_purpose purpose;
    struct vkr_arena *arena;
    struct pickle_value **stack, **memo;
    uint32_t *marks;                                    /* stack heights */
    uint32_t depth, stack_capacity, mark_count, mark_capacity, memo_count, memo_capacity, values;
    bool stopped;
};

/* "checkpoint" or "array", for messages. */
const char *machine_subject(const struct machine *m);

/* Failures: the pickle is broken here; the pickle is beyond what a checkpoint needs. */
vks_status machine_malformed(const struct machine *m, const char *what);
vks_status machine_beyond(const struct machine *m, const char *what);

/* The next `size` bytes of the pickle, and a little-endian number of 1 to 8 of them. */
vks_status machine_take(struct machine *m, uint64_t size, const unsigned char **bytes);
vks_status machine_number(struct machine *m, unsigned size, uint64_t *number);

/* Counts values against the limit: every new value and every item of a container. */
vks_status machine_spend(struct machine *m, uint32_t values);

vks_status machine_push(struct machine *m, struct pickle_value *value);
vks_status machine_push_new(struct machine *m, enum pickle_kind kind, struct pickle_value **value);
vks_status machine_pop(struct machine *m, struct pickle_value **value);

/* Values above the topmost mark: what an instruction may touch. */
uint32_t machine_above_mark(const struct machine *m);

vks_status machine_mark(struct machine *m);

/* Removes the topmost mark and everything above it; *items is valid until the next push. */
vks_status machine_pop_mark(struct machine *m, struct pickle_value ***items, uint32_t *count);

/* Remember the top of the stack under a number; push what was remembered. */
vks_status machine_put(struct machine *m, uint64_t index);
vks_status machine_get(struct machine *m, uint64_t index);

#endif
