/* pickle_globals.c: the allowed names. What is OPAQUE in a checkpoint holds data and nothing else when Python builds it, too; it occurs
 * in optimizer state, training arguments and logs beside the weights. */
#include "weights/pickle_globals.h"

#include <stdbool.h>
#include <string.h>

static const struct pickle_global globals[] = {
    { "collections OrderedDict", ROLE_ORDERED_DICT, VKR_NONE },
    { "torch._utils _rebuild_tensor_v2", ROLE_TENSOR, VKR_NONE },
    { "torch._utils _rebuild_parameter", ROLE_PARAMETER, VKR_NONE },
    { "torch FloatStorage", ROLE_STORAGE, VKR_F32 },
    { "torch HalfStorage", ROLE_STORAGE, VKR_F16 },
    { "torch BFloat16Storage", ROLE_STORAGE, VKR_BF16 },
    { "torch DoubleStorage", ROLE_STORAGE, VKR_F64 },
    { "torch CharStorage", ROLE_STORAGE, VKR_I8 },
    { "torch ByteStorage", ROLE_STORAGE, VKR_U8 },
    { "torch ShortStorage", ROLE_STORAGE, VKR_I16 },
    { "torch IntStorage", ROLE_STORAGE, VKR_I32 },
    { "torch LongStorage", ROLE_STORAGE, VKR_I64 },
    { "torch BoolStorage", ROLE_STORAGE, VKR_BOOL },
    { "torch ComplexFloatStorage", ROLE_STORAGE, VKR_NONE },
    { "torch ComplexDoubleStorage", ROLE_STORAGE, VKR_NONE },
    { "torch QInt8Storage", ROLE_STORAGE, VKR_NONE },
    { "torch QUInt8Storage", ROLE_STORAGE, VKR_NONE },
    { "torch QInt32Storage", ROLE_STORAGE, VKR_NONE },
    { "torch Size", ROLE_OPAQUE, VKR_NONE },
    { "torch device", ROLE_OPAQUE, VKR_NONE },
    { "torch float*", ROLE_OPAQUE, VKR_NONE },              /* element types */
    { "torch bfloat16", ROLE_OPAQUE, VKR_NONE },
    { "torch int*", ROLE_OPAQUE, VKR_NONE },
    { "torch uint*", ROLE_OPAQUE, VKR_NONE },
    { "torch bool", ROLE_OPAQUE, VKR_NONE },
    { "torch.torch_version TorchVersion", ROLE_OPAQUE, VKR_NONE },
    { "numpy dtype", ROLE_OPAQUE, VKR_NONE },
    { "numpy ndarray", ROLE_OPAQUE, VKR_NONE },
    { "numpy float*", ROLE_OPAQUE, VKR_NONE },
    { "numpy int*", ROLE_OPAQUE, VKR_NONE },
    { "numpy.core.multiarray scalar", ROLE_OPAQUE, VKR_NONE },
    { "numpy.core.multiarray _reconstruct", ROLE_OPAQUE, VKR_NONE },
    { "numpy._core.multiarray scalar", ROLE_OPAQUE, VKR_NONE },
    { "numpy._core.multiarray _reconstruct", ROLE_OPAQUE, VKR_NONE },
    { "numpy.dtypes *", ROLE_OPAQUE, VKR_NONE },
    { "_codecs encode", ROLE_OPAQUE, VKR_NONE },            /* how protocol 2 writes bytes */
    { "collections defaultdict", ROLE_OPAQUE, VKR_NONE },
    { "collections Counter", ROLE_OPAQUE, VKR_NONE },
    { "collections deque", ROLE_OPAQUE, VKR_NONE },
    { "argparse Namespace", ROLE_OPAQUE, VKR_NONE },
    { "pathlib PosixPath", ROLE_OPAQUE, VKR_NONE },
    { "pathlib WindowsPath", ROLE_OPAQUE, VKR_NONE },
    { "datetime *", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ set", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ list", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ dict", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ int", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ float", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ slice", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ complex", ROLE_OPAQUE, VKR_NONE },
    { "__builtin__ bytearray", ROLE_OPAQUE, VKR_NONE },
    { "builtins set", ROLE_OPAQUE, VKR_NONE },
    { "builtins list", ROLE_OPAQUE, VKR_NONE },
    { "builtins dict", ROLE_OPAQUE, VKR_NONE },
    { "builtins int", ROLE_OPAQUE, VKR_NONE },
    { "builtins float", ROLE_OPAQUE, VKR_NONE },
    { "builtins slice", ROLE_OPAQUE, VKR_NONE },
    { "builtins complex", ROLE_OPAQUE, VKR_NONE },
    { "builtins bytearray", ROLE_OPAQUE, VKR_NONE },
};

/* An array of objects is put together by numpy's own two constructors; nothing else belongs into it. */
static const struct pickle_global array_globals[] = {
    { "numpy dtype", ROLE_CALL, VKR_NONE },
    { "numpy ndarray", ROLE_CALL, VKR_NONE },
    { "numpy.core.multiarray scalar", ROLE_CALL, VKR_NONE },
    { "numpy.core.multiarray _reconstruct", ROLE_CALL, VKR_NONE },
    { "numpy._core.multiarray scalar", ROLE_CALL, VKR_NONE },
    { "numpy._core.multiarray _reconstruct", ROLE_CALL, VKR_NONE },
};

static bool matches(const char *pattern, struct pickle_text module, struct pickle_text name)
{
    size_t length = strlen(pattern), star = pattern[length - 1] == '*', head = module.length;
    if (length - star < head + 1 || memcmp(pattern, module.bytes, head) != 0 || pattern[head] != ' ')
        return false;
    size_t rest = length - star - head - 1;
    return (star ? name.length >= rest : name.length == rest) && memcmp(pattern + head + 1, name.bytes, rest) == 0;
}

const struct pickle_global *pickle_global_find(enum pickle_purpose purpose, struct pickle_text module,
                                               struct pickle_text name)
{
    const struct pickle_global *table = purpose == PICKLE_ARRAY ? array_globals : globals;
    size_t count = purpose == PICKLE_ARRAY ? sizeof array_globals / sizeof *array_globals : sizeof globals / sizeof *globals;
    for (size_t i = 0; i < count; i++)
        if (matches(table[i].name, module, name))
            return &table[i];
    return NULL;
}
