/* pickle.h: Python's pickle as data. Builds a tree of values; calls nothing, imports nothing, evaluates nothing.
 * Known constructors become values, a short list of harmless types becomes OPAQUE, and a pickle that names anything else
 * is refused by that name. */
#ifndef VKS_PICKLE_H
#define VKS_PICKLE_H

#include "base/dtype.h"
#include "base/mem.h"

enum pickle_kind {
    PICKLE_NONE, PICKLE_BOOL, PICKLE_INT, PICKLE_TEXT, PICKLE_TUPLE, PICKLE_DICT, PICKLE_GLOBAL, PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_FLOAT, PICKLE_BYTES, PICKLE_LIST, PICKLE_CALL,       /* of a PICKLE_ARRAY only */
    PICKLE_OPAQUE           /* a set, an optimizer's object, in a checkpoint also the line above: of no use here */
};

/* What a pickle is: it decides which names it may mention and what of it is kept. */
enum pickle_purpose {
    PICKLE_CHECKPOINT,      /* tensors in dictionaries */
    PICKLE_ARRAY            /* a numpy array of objects: numbers, texts, lists, dictionaries, arrays and their types */
};

struct pickle_text {
    const char *bytes;      /* inside the pickle; not terminated, not checked */
    size_t length;
};

struct pickle_global;

struct pickle_pair {
    const struct pickle_value *key, *value;
    struct pickle_pair *next;
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer;                            /* BOOL, INT */
        double number;                              /* FLOAT */
        struct pickle_text text;                    /* TEXT, BYTES */
        struct {
            struct pickle_value **items;
            size_t count;
        } tuple;
        struct {
            struct pickle_pair *first, *last;
        } dict;                                     /* in the order of the pickle; a key may come twice. Of a LIST: no keys */
        struct {
            const struct pickle_global *known;
            const struct pickle_value *args, *state;        /* a TUPLE; NULL when it has no state */
        } call;                                     /* what Python would have called */
        struct {
            const struct pickle_global *known;
            struct pickle_text name;
        } global;
        struct {
            const struct pickle_value *key;         /* TEXT: the record that holds the bytes */
            struct pickle_text type;                /* "FloatStorage" */
            enum vkr_dtype dtype;                   /* VKR_NONE when it is none of ours */
            int64_t count;                          /* elements */
        } storage;
        struct {
            const struct pickle_value *storage, *shape, *stride;        /* the latter two TUPLEs, unchecked */
            int64_t offset;                                             /* in elements, unchecked */
        } tensor;
    };
};

/* Reads one pickle (protocols 2 to 5). The values live in `arena` and point into `bytes`. `label` opens every message.
 * Errors: MODEL (malformed, wants something that is not data, beyond the limits in pickle_machine.c), HOST_MEMORY. */
vks_status pickle_read(const void *bytes, size_t size, enum pickle_purpose purpose, const char *label,
                       struct vkr_arena *arena, const struct pickle_value **root);

/* The last value under a text key of a DICT; NULL if absent. */
const struct pickle_value *pickle_get(const struct pickle_value *dict, const char *key);

#endif
