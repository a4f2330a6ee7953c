/* cmd_synth.c: `vksegdev synth`: the checkpoint that a weight table describes. */
#include "dev.h"

#include "base/status.h"
#include "weights/synth.h"

#include <stdio.h>

static vks_status synthesise(const struct args *args)
{
    VKS_REQUIRE(args->words == 1 && args->output, VKS_ERR_ARGUMENT,
                "expected: vksegdev synth TABLE.tsv -o FILE.safetensors");
    FILE *existing = args->overwrite ? NULL : fopen(args->output, "rb");
    if (existing) {
        fclose(existing);
        return vks_fail(VKS_ERR_OUTPUT, "%s exists already; --overwrite replaces it", args->output);
    }
    VKS_TRY(synth_write(args->word[0], args->output));
    fprintf(stderr, "wrote %s\n", args->output);
    return VKS_OK;
}

int cmd_synth(const struct args *args)
{
    return dev_finish(synthesise(args));
}
