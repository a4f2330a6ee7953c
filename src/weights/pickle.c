/* pickle.c: the stack machine of Python's pickletools.py, without the half that runs code.
 * Nothing recurses, and a container holds only what was pushed for it one by one: time and memory grow with the bytes
 * of the pickle, however it nests, repeats or refers to itself, up to the limits of pickle_machine.c. */
#include "weights/pickle.h"

#include "weights/container.h"
#include "weights/pickle_globals.h"
#include "weights/pickle_machine.h"

#include <string.h>

static struct pickle_value none = { .kind = PICKLE_NONE }, opaque = { .kind = PICKLE_OPAQUE };
static struct pickle_value yes = { .kind = PICKLE_BOOL, .integer = 1 }, no = { .kind = PICKLE_BOOL };

static vks_status push_integer(struct machine *m, int64_t integer)
{
    struct pickle_value *value;
    VKS_TRY(machine_push_new(m, PICKLE_INT, &value));
    value->integer = integer;
    return VKS_OK;
}

static vks_status push_text(struct machine *m, unsigned length_size, bool is_text)
{
    uint64_t length;
    const unsigned char *bytes = NULL;
    struct pickle_value *value;
    VKS_TRY(machine_number(m, length_size, &length));
    VKS_TRY(machine_take(m, length, &bytes));
    if (!is_text && m->purpose == PICKLE_CHECKPOINT)
        return machine_push(m, &opaque);
    VKS_TRY(machine_push_new(m, is_text ? PICKLE_TEXT : PICKLE_BYTES, &value));
    value->text = (struct pickle_text){ (const char *)bytes, (size_t)length };
    return VKS_OK;
}

/* Python's long: little-endian two's complement of any length. Beyond 64 bits it is nothing that we need. */
static vks_status push_long(struct machine *m, unsigned length_size)
{
    uint64_t length, number = 0;
    const unsigned char *bytes = NULL;
    VKS_TRY(machine_number(m, length_size, &length));
    VKS_TRY(machine_take(m, length, &bytes));
    if (length > 8)
        return machine_push(m, &opaque);
    for (unsigned i = 8; i-- > 0;)
        number = number << 8 | (i < length ? bytes[i] : length && bytes[length - 1] & 0x80 ? 0xff : 0);
    return push_integer(m, (int64_t)number);
}

static vks_status push_tuple(struct machine *m, struct pickle_value **items, uint32_t count)
{
    struct pickle_value **copy = NULL, *value;
    VKS_TRY(machine_spend(m, count));
    if (count) {
        copy = vkr_arena_alloc(m->arena, count * sizeof *copy);
        VKS_REQUIRE(copy, VKS_ERR_HOST_MEMORY, "out of memory: a tuple of %u", count);
        memcpy(copy, items, count * sizeof *copy);
    }
    VKS_TRY(machine_push_new(m, PICKLE_TUPLE, &value));
    value->tuple.items = copy;
    value->tuple.count = count;
    return VKS_OK;
}

static vks_status push_short_tuple(struct machine *m, uint32_t count)
{
    if (machine_above_mark(m) < count)
        return machine_malformed(m, "the stack is empty");
    m->depth -= count;
    struct pickle_value *items[3] = { NULL };
    memcpy(items, m->stack + m->depth, count * sizeof *items);
    return push_tuple(m, items, count);
}

static vks_status append_pair(struct machine *m, struct pickle_value *to, const struct pickle_value *key,
                              const struct pickle_value *value)
{
    struct pickle_pair *pair = vkr_arena_alloc(m->arena, sizeof *pair);
    VKS_REQUIRE(pair, VKS_ERR_HOST_MEMORY, "out of memory: an item of a dictionary");
    *pair = (struct pickle_pair){ key, value, NULL };
    if (to->dict.last)
        to->dict.last->next = pair;
    else
        to->dict.first = pair;
    to->dict.last = pair;
    return VKS_OK;
}

static vks_status set_items(struct machine *m, struct pickle_value **items, uint32_t count)
{
    if (machine_above_mark(m) == 0 || count % 2 != 0)
        return machine_malformed(m, "keys and values without a dictionary");
    struct pickle_value *dict = m->stack[m->depth - 1];
    if (dict->kind != PICKLE_DICT)
        return dict->kind == PICKLE_OPAQUE ? VKS_OK : machine_malformed(m, "keys and values for no dictionary");
    VKS_TRY(machine_spend(m, count));
    for (uint32_t i = 0; i < count; i += 2)
        VKS_TRY(append_pair(m, dict, items[i], items[i + 1]));
    return VKS_OK;
}

static vks_status push_list(struct machine *m)
{
    struct pickle_value *value;
    return m->purpose == PICKLE_ARRAY ? machine_push_new(m, PICKLE_LIST, &value) : machine_push(m, &opaque);
}

/* Items of a set, or of a checkpoint's list, are dropped: their content is never asked for. */
static vks_status add_items(struct machine *m, struct pickle_value **items, uint32_t count)
{
    struct pickle_value *to = machine_above_mark(m) ? m->stack[m->depth - 1] : NULL;
    if (to && to->kind == PICKLE_OPAQUE)
        return VKS_OK;
    if (!to || to->kind != PICKLE_LIST)
        return machine_malformed(m, "items without a list");
    VKS_TRY(machine_spend(m, count));
    for (uint32_t i = 0; i < count; i++)
        VKS_TRY(append_pair(m, to, NULL, items[i]));
    return VKS_OK;
}

static vks_status push_global(struct machine *m, struct pickle_text module, struct pickle_text name)
{
    const struct pickle_global *known = pickle_global_find(m->purpose, module, name);
    VKS_REQUIRE(known, VKS_ERR_MODEL, "%s: this %s wants to run %s.%s, and vkseg runs nothing that a file names. %s", m->label,
                machine_subject(m), WEIGHTS_SAFE(module.bytes, module.length), WEIGHTS_SAFE(name.bytes, name.length),
                m->purpose == PICKLE_ARRAY ? "Save numbers, or plain dictionaries of numbers"
                                           : "Save only the weights: torch.save(model.state_dict(), \"new.pth\")");
    struct pickle_value *value;
    VKS_TRY(machine_push_new(m, PICKLE_GLOBAL, &value));
    value->global.known = known;
    value->global.name = name;
    return VKS_OK;
}

static vks_status take_line(struct machine *m, struct pickle_text *line)
{
    const unsigned char *end = m->at == m->end ? NULL : memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!end)
        return machine_malformed(m, "a name without an end");
    *line = (struct pickle_text){ (const char *)m->at, (size_t)(end - m->at) };
    m->at = end + 1;
    return VKS_OK;
}

static vks_status global(struct machine *m)
{
    struct pickle_text module, name;
    VKS_TRY(take_line(m, &module));
    VKS_TRY(take_line(m, &name));
    return push_global(m, module, name);
}

static vks_status stack_global(struct machine *m)
{
    struct pickle_value *name, *module;
    VKS_TRY(machine_pop(m, &name));
    VKS_TRY(machine_pop(m, &module));
    if (name->kind != PICKLE_TEXT || module->kind != PICKLE_TEXT)
        return machine_malformed(m, "a global without a name");
    return push_global(m, module->text, name->text);
}

/* persistent id: ("storage", torch.FloatStorage, key, device, element count) */
static vks_status persistent(struct machine *m)
{
    struct pickle_value *id = NULL, *value;
    VKS_TRY(machine_pop(m, &id));
    if (id->kind != PICKLE_TUPLE || id->tuple.count != 5)
        return machine_malformed(m, "a persistent id that is no storage");
    struct pickle_value **item = id->tuple.items;
    if (item[0]->kind != PICKLE_TEXT || item[0]->text.length != 7 || memcmp(item[0]->text.bytes, "storage", 7) != 0 ||
        item[1]->kind != PICKLE_GLOBAL || item[1]->global.known->role != ROLE_STORAGE || item[2]->kind != PICKLE_TEXT ||
        item[4]->kind != PICKLE_INT || item[4]->integer < 0)
        return machine_malformed(m, "a persistent id that is no storage");
    VKS_TRY(machine_push_new(m, PICKLE_STORAGE, &value));
    value->storage.key = item[2];
    value->storage.type = item[1]->global.name;
    value->storage.dtype = item[1]->global.known->dtype;
    value->storage.count = item[4]->integer;
    return VKS_OK;
}

/* _rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks[, metadata]) */
static vks_status rebuild_tensor(struct machine *m, const struct pickle_value *args)
{
    struct pickle_value *value, **item = args->tuple.items;
    if (args->tuple.count < 6 || args->tuple.count > 7 || item[0]->kind != PICKLE_STORAGE ||
        item[1]->kind != PICKLE_INT || item[2]->kind != PICKLE_TUPLE || item[3]->kind != PICKLE_TUPLE)
        return machine_malformed(m, "a tensor made of the wrong parts");
    VKS_TRY(machine_push_new(m, PICKLE_TENSOR, &value));
    value->tensor.storage = item[0];
    value->tensor.offset = item[1]->integer;
    value->tensor.shape = item[2];
    value->tensor.stride = item[3];
    return VKS_OK;
}

/* callable(*args): we look at the name and build the value ourselves. */
static vks_status reduce(struct machine *m)
{
    struct pickle_value *args = NULL, *callable = NULL, *value;
    VKS_TRY(machine_pop(m, &args));
    VKS_TRY(machine_pop(m, &callable));
    if (callable->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return machine_malformed(m, "a call of something that is no function");
    switch (callable->global.known->role) {
    case ROLE_ORDERED_DICT:
        if (args->tuple.count != 0)
            return machine_malformed(m, "an OrderedDict written by Python 2");
        return machine_push_new(m, PICKLE_DICT, &value);
    case ROLE_TENSOR:
        return rebuild_tensor(m, args);
    case ROLE_PARAMETER:
        if (args->tuple.count != 3 || args->tuple.items[0]->kind != PICKLE_TENSOR)
            return machine_malformed(m, "a parameter without a tensor");
        return machine_push(m, args->tuple.items[0]);
    case ROLE_CALL:
        VKS_TRY(machine_push_new(m, PICKLE_CALL, &value));
        value->call.known = callable->global.known;
        value->call.args = args;
        return VKS_OK;
    case ROLE_OPAQUE:
        return machine_push(m, &opaque);
    default:
        return machine_malformed(m, "a storage made by a call");
    }
}

/* Big-endian, as struct.pack(">d") writes it. */
static vks_status push_float(struct machine *m)
{
    const unsigned char *bytes = NULL;
    struct pickle_value *value;
    uint64_t bits = 0;
    VKS_TRY(machine_take(m, 8, &bytes));
    if (m->purpose == PICKLE_CHECKPOINT)
        return machine_push(m, &opaque);
    VKS_TRY(machine_push_new(m, PICKLE_FLOAT, &value));
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&value->number, &bits, sizeof bits);
    return VKS_OK;
}

static vks_status numbers(struct machine *m, unsigned char op)
{
    uint64_t number;
    switch (op) {
    case 'N': return machine_push(m, &none);
    case 0x88: return machine_push(m, &yes);
    case 0x89: return machine_push(m, &no);
    case 'J':
        VKS_TRY(machine_number(m, 4, &number));
        return push_integer(m, (int64_t)(number ^ 0x80000000u) - 0x80000000ll);
    case 'K':
    case 'M':
        VKS_TRY(machine_number(m, op == 'K' ? 1 : 2, &number));
        return push_integer(m, (int64_t)number);
    case 0x8a: return push_long(m, 1);
    case 0x8b: return push_long(m, 4);
    default: return push_float(m);                              /* 'G' */
    }
}

static vks_status memory(struct machine *m, unsigned char op)
{
    uint64_t index = m->memo_count;
    if (op != 0x94)
        VKS_TRY(machine_number(m, op == 'q' || op == 'h' ? 1 : 4, &index));
    return op == 'h' || op == 'j' ? machine_get(m, index) : machine_put(m, index);
}

static vks_status containers(struct machine *m, unsigned char op)
{
    struct pickle_value **items, *value;
    uint32_t count = 0;
    if (op == 't' || op == 'e' || op == 'u' || op == 0x90 || op == 0x91)
        VKS_TRY(machine_pop_mark(m, &items, &count));
    switch (op) {
    case ')': return push_tuple(m, NULL, 0);
    case 't': return push_tuple(m, items, count);
    case 0x85: case 0x86: case 0x87: return push_short_tuple(m, op - 0x84u);
    case ']': return push_list(m);
    case 0x8f: case 0x91: return machine_push(m, &opaque);
    case 'a':
        VKS_TRY(machine_pop(m, &value));
        return add_items(m, &value, 1);
    case 'e': case 0x90: return add_items(m, items, count);
    case '}': return machine_push_new(m, PICKLE_DICT, &value);
    case 'u': return set_items(m, items, count);
    default:                                                    /* 's' */
        if (machine_above_mark(m) < 3)
            return machine_malformed(m, "the stack is empty");
        m->depth -= 2;
        return set_items(m, m->stack + m->depth, 2);
    }
}

static vks_status objects(struct machine *m, unsigned char op)
{
    struct pickle_value *value;
    switch (op) {
    case 'c': return global(m);
    case 0x93: return stack_global(m);
    case 'Q': return persistent(m);
    case 'R': case 0x81: return reduce(m);
    case 0x92:                                                  /* callable, args, keyword args */
        VKS_TRY(machine_pop(m, &value));
        return reduce(m);
    default:                                                    /* 'b': attributes, such as _metadata, are dropped */
        VKS_TRY(machine_pop(m, &value));
        if (!machine_above_mark(m))
            return machine_malformed(m, "attributes of nothing");
        if (m->stack[m->depth - 1]->kind == PICKLE_CALL)
            m->stack[m->depth - 1]->call.state = value;
        return VKS_OK;
    }
}

static vks_status stack_words(struct machine *m, unsigned char op)
{
    struct pickle_value *value, **items;
    const unsigned char *bytes = NULL;
    uint32_t count;
    switch (op) {
    case 0x80: return machine_take(m, 1, &bytes);
    case 0x95: return machine_take(m, 8, &bytes);
    case '(': return machine_mark(m);
    case '0': return machine_pop(m, &value);
    case '1': return machine_pop_mark(m, &items, &count);
    case '2':
        VKS_TRY(machine_pop(m, &value));
        VKS_TRY(machine_push(m, value));
        return machine_push(m, value);
    default:
        m->stopped = true;
        return VKS_OK;
    }
}

static vks_status step(struct machine *m)
{
    const unsigned char *at = NULL;
    VKS_TRY(machine_take(m, 1, &at));
    unsigned char op = *at;
    switch (op) {
    case 'X': case 'T': return push_text(m, 4, true);
    case 0x8c: case 'U': return push_text(m, 1, true);
    case 0x8d: return push_text(m, 8, true);
    case 'C': return push_text(m, 1, false);
    case 'B': return push_text(m, 4, false);
    case 0x8e: case 0x96: return push_text(m, 8, false);
    case 'N': case 0x88: case 0x89: case 'J': case 'K': case 'M': case 0x8a: case 0x8b: case 'G': return numbers(m, op);
    case 'q': case 'r': case 'h': case 'j': case 0x94: return memory(m, op);
    case ')': case 't': case 0x85: case 0x86: case 0x87: case ']': case 0x8f: case 0x90: case 0x91: case 'a':
    case 'e': case '}': case 's': case 'u': return containers(m, op);
    case 'c': case 0x93: case 'Q': case 'R': case 0x81: case 0x92: case 'b': return objects(m, op);
    case 0x80: case 0x95: case '(': case '0': case '1': case '2': case '.': return stack_words(m, op);
    default:
        return vks_fail(VKS_ERR_MODEL, "%s: the pickle uses the instruction 0x%02x, which no %s needs. %s", m->label, op,
                        machine_subject(m), m->purpose == PICKLE_ARRAY ? "Save it again with numpy"
                                                                       : "Save the weights again with torch.save");
    }
}

vks_status pickle_read(const void *bytes, size_t size, enum pickle_purpose purpose, const char *label,
                       struct vkr_arena *arena, const struct pickle_value **root)
{
    struct machine m = { .begin = bytes, .at = bytes, .end = (const unsigned char *)bytes + size, .label = label,
                         .purpose = purpose, .arena = arena };
    vks_status status = VKS_OK;
    while (status == VKS_OK && !m.stopped)
        status = step(&m);
    if (status == VKS_OK && (m.depth != 1 || m.mark_count != 0))
        status = machine_malformed(&m, "it ends with more or less than one value");
    if (status == VKS_OK)
        *root = m.stack[0];
    vkr_free(m.stack);
    vkr_free(m.memo);
    vkr_free(m.marks);
    return status;
}

const struct pickle_value *pickle_get(const struct pickle_value *dict, const char *key)
{
    const struct pickle_value *found = NULL;
    size_t length = strlen(key);
    for (const struct pickle_pair *pair = dict->dict.first; pair; pair = pair->next)
        if (pair->key->kind == PICKLE_TEXT && pair->key->text.length == length &&
            memcmp(pair->key->text.bytes, key, length) == 0)
            found = pair->value;
    return found;
}
