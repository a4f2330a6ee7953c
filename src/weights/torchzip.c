/* torchzip.c: torch.save since PyTorch 1.6: a zip of NAME/data.pkl, which describes the tensors, and NAME/data/KEY,
 * their bytes. A tensor that is offered lies inside its storage, which lies inside the file. */
#include "weights/container.h"
#include "weights/pickle.h"
#include "weights/zipdir.h"

#include <stdio.h>
#include <string.h>

/* Where trainers put the weights inside what they save; the first that is there counts. */
static const char *const wrappers[] = { "state_dict", "model", "network_weights", "model_state_dict" };

struct archive {
    struct weights *weights;
    struct zipdir zip;
    const char *top;                /* "archive/", with the slash */
    size_t top_length;
};

static bool ends_with(const struct zipdir_entry *entry, const char *end)
{
    size_t length = strlen(end);
    return entry->name_length >= length && memcmp(entry->name + entry->name_length - length, end, length) == 0;
}

/* NAME/rest; NULL if absent */
static const struct zipdir_entry *find(const struct archive *archive, const char *rest, size_t length)
{
    char path[512];
    if (length > sizeof path || archive->top_length > sizeof path - length)
        return NULL;
    memcpy(path, archive->top, archive->top_length);
    memcpy(path + archive->top_length, rest, length);
    return zipdir_find(&archive->zip, path, archive->top_length + length);
}

static vks_status find_pickle(struct archive *archive, const struct zipdir_entry **pickle)
{
    const char *label = archive->weights->label;
    *pickle = NULL;
    for (uint32_t i = 0; i < archive->zip.count; i++) {
        const struct zipdir_entry *entry = &archive->zip.entries[i];
        if (!ends_with(entry, "/data.pkl") || memchr(entry->name, '/', entry->name_length - 9))
            continue;
        VKS_REQUIRE(!*pickle, VKS_ERR_MODEL, "%s holds two checkpoints. Save them apart", label);
        *pickle = entry;
        archive->top = entry->name;
        archive->top_length = entry->name_length - 8;
    }
    VKS_REQUIRE(*pickle, VKS_ERR_MODEL, "%s is a zip archive, but no PyTorch checkpoint: it has no data.pkl", label);
    VKS_REQUIRE(!find(archive, "constants.pkl", 13), VKS_ERR_MODEL, "%s is a TorchScript program, not a checkpoint. "
                "Save its weights: torch.save(torch.jit.load(FILE).state_dict(), \"new.pth\")", label);
    return VKS_OK;
}

static vks_status check_byteorder(const struct archive *archive)
{
    const unsigned char *text;
    const struct zipdir_entry *entry = find(archive, "byteorder", 9);
    if (!entry)
        return VKS_OK;
    VKS_TRY(zipdir_data(&archive->zip, entry, &text));
    VKS_REQUIRE(entry->size == 6 && memcmp(text, "little", 6) == 0, VKS_ERR_MODEL, "%s was saved on a machine of "
                "another byte order. Save it again on a usual one", archive->weights->label);
    return VKS_OK;
}

static bool holds_tensors(const struct pickle_value *dict)
{
    for (const struct pickle_pair *pair = dict->dict.first; pair; pair = pair->next)
        if (pair->key->kind == PICKLE_TEXT && pair->value->kind == PICKLE_TENSOR)
            return true;
    return false;
}

/* "epoch, args, history": what is there instead of tensors. */
static const char *key_list(const struct pickle_value *dict, char list[256])
{
    size_t used = 0;
    for (const struct pickle_pair *pair = dict->dict.first; pair && used < 160; pair = pair->next)
        if (pair->key->kind == PICKLE_TEXT)
            used += (size_t)snprintf(list + used, 256 - used, "%s%s", used ? ", " : "",
                                     WEIGHTS_SAFE(pair->key->text.bytes, pair->key->text.length));
    return used ? list : "nothing";
}

/* The dictionary of tensors. A wrapper goes before tensors at its side (SAM-Med2D keeps a best score there). */
static vks_status unwrap(const struct weights *weights, const struct pickle_value *root,
                         const struct pickle_value **dict)
{
    VKS_REQUIRE(root->kind == PICKLE_DICT, VKS_ERR_MODEL, "%s holds no dictionary of tensors. "
                "Save the weights: torch.save(model.state_dict(), \"new.pth\")", weights->label);
    for (int level = 0; level < 4; level++) {
        const struct pickle_value *inner = NULL;
        for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers && !inner; i++) {
            inner = pickle_get(root, wrappers[i]);
            if (inner && inner->kind != PICKLE_DICT)
                inner = NULL;
        }
        if (!inner)
            break;
        root = inner;
    }
    char list[256];
    VKS_REQUIRE(holds_tensors(root), VKS_ERR_MODEL, "%s holds no dictionary of tensors; it has: %s. "
                "Save the weights: torch.save(model.state_dict(), \"new.pth\")", weights->label, key_list(root, list));
    *dict = root;
    return VKS_OK;
}

static vks_status bad_tensor(const struct archive *archive, struct pickle_text name, const char *what)
{
    return vks_fail(VKS_ERR_MODEL, "%s: tensor \"%s\" %s. The file is damaged", archive->weights->label,
                    WEIGHTS_SAFE(name.bytes, name.length), what);
}

static vks_status read_layout(const struct archive *archive, struct pickle_text name, const struct pickle_value *tensor,
                              struct weights_entry *entry)
{
    const struct pickle_value *shape = tensor->tensor.shape, *stride = tensor->tensor.stride;
    if (shape->tuple.count != stride->tuple.count)
        return bad_tensor(archive, name, "has a shape and strides of different length");
    if (shape->tuple.count > VKR_MAX_DIMS)
        return bad_tensor(archive, name, "has more than 5 dimensions");
    entry->desc.rank = (uint32_t)shape->tuple.count;
    for (uint32_t i = 0; i < entry->desc.rank; i++) {
        const struct pickle_value *dim = shape->tuple.items[i], *step = stride->tuple.items[i];
        if (dim->kind != PICKLE_INT || step->kind != PICKLE_INT || dim->integer < 0 || dim->integer > UINT32_MAX ||
            step->integer < 0)
            return bad_tensor(archive, name, "has an impossible shape or stride");
        entry->desc.dim[i] = (uint32_t)dim->integer;
        entry->stride[i] = (uint64_t)step->integer;
    }
    return VKS_OK;
}

/* The bytes of the record data/KEY, which must be exactly the storage's elements. */
static vks_status read_storage(const struct archive *archive, struct pickle_text name,
                               const struct pickle_value *storage, const unsigned char **data, size_t *size)
{
    char path[160] = "data/";
    struct pickle_text key = storage->storage.key->text;
    if (key.length > sizeof path - 5)
        return bad_tensor(archive, name, "has a record with an impossible name");
    memcpy(path + 5, key.bytes, key.length);
    const struct zipdir_entry *entry = find(archive, path, 5 + key.length);
    if (!entry)
        return bad_tensor(archive, name, "has no record in the archive");
    VKS_TRY(zipdir_data(&archive->zip, entry, data));
    if (!vkr_mul((size_t)storage->storage.count, vkr_dtype_size(storage->storage.dtype), size) || *size != entry->size)
        return bad_tensor(archive, name, "has a record of another size than its storage");
    return VKS_OK;
}

static vks_status read_tensor(const struct archive *archive, struct pickle_text name, const struct pickle_value *tensor)
{
    const struct pickle_value *storage = tensor->tensor.storage;
    struct weights_entry entry = { .desc.dtype = storage->storage.dtype };
    VKS_REQUIRE(entry.desc.dtype != VKR_NONE, VKS_ERR_MODEL, "%s: tensor \"%s\" is a torch.%s, which this version does "
                "not read. Convert it to float32", archive->weights->label, WEIGHTS_SAFE(name.bytes, name.length),
                WEIGHTS_SAFE(storage->storage.type.bytes, storage->storage.type.length));
    VKS_TRY(read_layout(archive, name, tensor, &entry));
    const unsigned char *data;
    size_t size, wanted, skipped;
    VKS_TRY(read_storage(archive, name, storage, &data, &size));
    if (!weights_extent(&entry, &wanted))
        return bad_tensor(archive, name, "has a shape whose size overflows");
    if (tensor->tensor.offset < 0 ||
        !vkr_mul((size_t)tensor->tensor.offset, vkr_dtype_size(entry.desc.dtype), &skipped) || skipped > size ||
        wanted > size - skipped)
        return bad_tensor(archive, name, "reaches outside its storage");
    entry.data = data + skipped;
    return weights_add(archive->weights, name.bytes, name.length, &entry);
}

/* What is no tensor under a state_dict's keys (a number, an _extra_state) is left out. */
static vks_status read_all(struct archive *archive, struct vkr_arena *arena)
{
    const struct zipdir_entry *entry;
    const unsigned char *bytes;
    const struct pickle_value *root = NULL, *dict = NULL;
    VKS_TRY(find_pickle(archive, &entry));
    VKS_TRY(check_byteorder(archive));
    VKS_TRY(zipdir_data(&archive->zip, entry, &bytes));
    VKS_TRY(pickle_read(bytes, (size_t)entry->size, PICKLE_CHECKPOINT, archive->weights->label, arena, &root));
    VKS_TRY(unwrap(archive->weights, root, &dict));
    for (const struct pickle_pair *pair = dict->dict.first; pair; pair = pair->next)
        if (pair->key->kind == PICKLE_TEXT && pair->value->kind == PICKLE_TENSOR)
            VKS_TRY(read_tensor(archive, pair->key->text, pair->value));
    return VKS_OK;
}

vks_status torchzip_parse(struct weights *weights)
{
    struct archive archive = { .weights = weights };
    struct vkr_arena arena = { .head = NULL };
    weights->format = "torch zip";
    VKS_TRY(zipdir_open(weights->file.bytes, weights->file.size, weights->label, &archive.zip));
    vks_status status = read_all(&archive, &arena);
    vkr_arena_destroy(&arena);
    zipdir_close(&archive.zip);
    return status;
}
