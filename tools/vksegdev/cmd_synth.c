/* cmd_synth.c: `vksegdev synth`: as a file, the checkpoint that a weight table describes, or that `synthetic:NAME` names.
 * A file has its name only when it is whole. */
#include "dev.h"

#include "base/mem.h"
#include "base/status.h"
#include "models/synthetic.h"
#include "weights/synth.h"

#include <stdio.h>
#include <unistd.h>

static vks_status written(bool good)
{
    VKS_REQUIRE(good, VKS_ERR_OUTPUT, "the checkpoint cannot be written; is the disk full?");
    return VKS_OK;
}

/* The length is filled in at the end, and the header ends at a multiple of 8. */
static vks_status write_header(const struct weights *weights, FILE *file)
{
    unsigned long long at = 0, length;
    bool good = fprintf(file, "%8s{\"__metadata__\":{\"format\":\"pt\",\"vkseg.family\":\"%s\"}", "",
                        weights_meta(weights, "vkseg.family")) > 0;
    for (uint32_t i = 0; i < weights_count(weights); i++) {
        const struct weights_entry *entry = weights_at(weights, i);
        unsigned long long size = 4ull * vkr_numel(&entry->desc);
        good = good && fprintf(file, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", entry->name) > 0;
        for (uint32_t k = 0; k < entry->desc.rank; k++)
            good = good && fprintf(file, "%s%u", k ? "," : "", entry->desc.dim[k]) > 0;
        good = good && fprintf(file, "],\"data_offsets\":[%llu,%llu]}", at, at + size) > 0;
        at += size;
    }
    long end = good ? ftell(file) + 1 : 0;
    length = (unsigned long long)(end + 7) / 8 * 8;
    good = good && fprintf(file, "}%*s", (int)(length - (unsigned long long)end), "") > 0 && fseek(file, 0, SEEK_SET) == 0;
    for (int i = 0; i < 8; i++)
        good = good && fputc((int)((length - 8) >> 8 * i & 255), file) != EOF;
    return written(good && fseek(file, 0, SEEK_END) == 0);
}

static vks_status write_tensor(const struct weights *weights, const struct weights_entry *entry, FILE *file)
{
    size_t count = (size_t)vkr_numel(&entry->desc);
    float *values;
    VKS_TRY(vkr_alloc(count, sizeof *values, entry->name, (void **)&values));
    vks_status status = weights_read(weights, entry, VKR_F32, values);
    if (status == VKS_OK)
        status = written(fwrite(values, sizeof *values, count, file) == count);
    weights_release(weights, entry);
    vkr_free(values);
    return status;
}

static vks_status write_all(const struct weights *weights, const char *path)
{
    FILE *file = fopen(path, "wb");
    VKS_REQUIRE(file, VKS_ERR_OUTPUT, "%s cannot be written", path);
    vks_status status = write_header(weights, file);
    for (uint32_t i = 0; status == VKS_OK && i < weights_count(weights); i++)
        status = write_tensor(weights, weights_at(weights, i), file);
    bool closed = fclose(file) == 0;
    return status == VKS_OK ? written(closed) : status;
}

static vks_status write_named(const char *name, const char *path)
{
    struct weights *weights = NULL;
    char temporary[1200];
    VKS_REQUIRE(snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) < (int)sizeof temporary,
                VKS_ERR_OUTPUT, "the path is too long: %s", path);
    VKS_TRY(synthetic_open(name, &weights));
    vks_status status = write_all(weights, temporary);
    weights_close(&weights);
    if (status == VKS_OK)
        status = written(rename(temporary, path) == 0);
    if (status != VKS_OK)
        remove(temporary);
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
