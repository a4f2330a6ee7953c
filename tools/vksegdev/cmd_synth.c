/* cmd_synth.c: `vksegdev synth`: as a file, the checkpoint that a weight table describes, or that `synthetic:NAME` names. */
#include "dev.h"

#include "base/mem.h"
#include "base/status.h"
#include "models/synthetic.h"
#include "weights/safetensors_write.h"
#include "weights/synth.h"

#include <stdio.h>

static const char *describe_tensor(void *user, uint32_t index, struct vkr_desc *desc)
{
    const struct weights_entry *entry = weights_at(user, index);
    *desc = entry->desc;
    return entry->name;
}

static vks_status write_tensor(void *user, uint32_t index, FILE *file)
{
    const struct weights_entry *entry = weights_at(user, index);
    size_t count = (size_t)vkr_numel(&entry->desc);
    float *values;
    VKS_TRY(vkr_alloc(count, sizeof *values, entry->name, (void **)&values));
    vks_status status = weights_read(user, entry, VKR_F32, values);
    if (status == VKS_OK && fwrite(values, sizeof *values, count, file) != count)
        status = vks_fail(VKS_ERR_OUTPUT, "the checkpoint cannot be written; is the disk full?");
    weights_release(user, entry);
    vkr_free(values);
    return status;
}

static vks_status write_named(const char *name, const char *path)
{
    struct weights *weights = NULL;
    VKS_TRY(synthetic_open(name, &weights));
    const struct safetensors_source source = { weights_count(weights), "vkseg.family", weights_meta(weights, "vkseg.family"),
                                               describe_tensor, write_tensor, weights };
    vks_status status = safetensors_write(&source, path);
    weights_close(&weights);
    return status;
}

static vks_status synthesise(const struct args *args)
{
    VKS_REQUIRE(args->words == 1 && args->output, VKS_ERR_ARGUMENT,
                "expected: vksegdev synth TABLE.tsv -o FILE.safetensors, or synth synthetic:NAME[:SEED] -o FILE.safetensors");
    FILE *existing = args->overwrite ? NULL : fopen(args->output, "rb");
    if (existing) {
        fclose(existing);
        return vks_fail(VKS_ERR_OUTPUT, "%s exists already; --overwrite replaces it", args->output);
    }
    VKS_TRY(synthetic_is(args->word[0]) ? write_named(args->word[0], args->output)
                                        : synth_write(args->word[0], args->output));
    fprintf(stderr, "wrote %s\n", args->output);
    return VKS_OK;
}

int cmd_synth(const struct args *args)
{
    return dev_finish(synthesise(args));
}
