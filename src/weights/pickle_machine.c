/* pickle_machine.c: what a hostile pickle can exhaust is counted here: stack, marks, memo, values. */
#include "weights/pickle_machine.h"

/* A checkpoint of ten thousand tensors with optimizer state stays below a quarter of each. Values count a container's
 * items, too. */
enum { MAX_VALUES = 4 << 20, MAX_STACK = 1 << 20, MAX_MEMO = 4 << 20 };

const char *machine_subject(const struct machine *m)
{
    return m->purpose == PICKLE_ARRAY ? "array" : "checkpoint";
}

vks_status machine_malformed(const struct machine *m, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: the pickle is malformed at byte %zu: %s. The file is damaged", m->label,
                    (size_t)(m->at - m->begin), what);
}

vks_status machine_beyond(const struct machine *m, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: the pickle has too many %s for a%s %s; it is refused", m->label, what,
                    m->purpose == PICKLE_ARRAY ? "n" : "", machine_subject(m));
}

vks_status machine_take(struct machine *m, uint64_t size, const unsigned char **bytes)
{
    if (size > (uint64_t)(m->end - m->at))
        return machine_malformed(m, "it ends in the middle of a value");
    *bytes = m->at;
    m->at += size;
    return VKS_OK;
}

vks_status machine_number(struct machine *m, unsigned size, uint64_t *number)
{
    const unsigned char *bytes = NULL;
    VKS_TRY(machine_take(m, size, &bytes));
    *number = 0;
    for (unsigned i = size; i-- > 0;)
        *number = *number << 8 | bytes[i];
    return VKS_OK;
}

vks_status machine_push(struct machine *m, struct pickle_value *value)
{
    if (m->depth == MAX_STACK)
        return machine_beyond(m, "values side by side");
    VKS_TRY(VKR_GROW(m->stack, m->stack_capacity, m->depth));
    m->stack[m->depth++] = value;
    return VKS_OK;
}

vks_status machine_spend(struct machine *m, uint32_t values)
{
    if (values > MAX_VALUES - m->values)
        return machine_beyond(m, "values");
    m->values += values;
    return VKS_OK;
}

vks_status machine_push_new(struct machine *m, enum pickle_kind kind, struct pickle_value **value)
{
    VKS_TRY(machine_spend(m, 1));
    *value = vkr_arena_alloc(m->arena, sizeof **value);
    VKS_REQUIRE(*value, VKS_ERR_HOST_MEMORY, "out of memory: value %u of a pickle", m->values);
    (*value)->kind = kind;
    return machine_push(m, *value);
}

uint32_t machine_above_mark(const struct machine *m)
{
    return m->depth - (m->mark_count ? m->marks[m->mark_count - 1] : 0);
}

vks_status machine_pop(struct machine *m, struct pickle_value **value)
{
    if (machine_above_mark(m) == 0)
        return machine_malformed(m, "the stack is empty");
    *value = m->stack[--m->depth];
    return VKS_OK;
}

vks_status machine_pop_mark(struct machine *m, struct pickle_value ***items, uint32_t *count)
{
    if (m->mark_count == 0)
        return machine_malformed(m, "a mark is missing");
    *count = machine_above_mark(m);
    m->depth = m->marks[--m->mark_count];
    *items = m->stack ? m->stack + m->depth : NULL;
    return VKS_OK;
}

vks_status machine_mark(struct machine *m)
{
    if (m->mark_count == MAX_STACK)
        return machine_beyond(m, "open brackets");
    VKS_TRY(VKR_GROW(m->marks, m->mark_capacity, m->mark_count));
    m->marks[m->mark_count++] = m->depth;
    return VKS_OK;
}

vks_status machine_put(struct machine *m, uint64_t index)
{
    if (machine_above_mark(m) == 0)
        return machine_malformed(m, "nothing to remember");
    if (index >= MAX_MEMO)
        return machine_beyond(m, "remembered values");
    VKS_TRY(VKR_GROW(m->memo, m->memo_capacity, (uint32_t)index));
    if (!m->memo[index])
        m->memo_count++;
    m->memo[index] = m->stack[m->depth - 1];
    return VKS_OK;
}

vks_status machine_get(struct machine *m, uint64_t index)
{
    if (index >= m->memo_capacity || !m->memo[index])
        return machine_malformed(m, "a value that was never remembered");
    return machine_push(m, m->memo[index]);
}
