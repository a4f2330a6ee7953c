/* inspect.c: what is inside: checkpoints, shader tables, devices. Graphs and plans are in inspect_plan.c. */
#include "dev.h"

#include "base/caps.h"
#include "base/shape.h"
#include "gpu/device.h"
#include "graph/graph.h"
#include "base/spirv.h"
#include "models/synthetic.h"
#include "weights/weights.h"

#include "inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static vks_status inspect_weights(const struct args *args)
{
    VKS_REQUIRE(args->words == 2, VKS_ERR_ARGUMENT, "expected: vksegdev inspect weights FILE");
    struct weights *weights = NULL;
    VKS_TRY(synthetic_or_file(args->word[1], &weights));
    uint64_t elements = 0, bytes = 0;
    uint32_t count = weights_count(weights);
    for (uint32_t i = 0; i < count; i++) {
        const struct weights_entry *entry = weights_at(weights, i);
        printf("%-64s %-5s %s%s\n", entry->name, vkr_dtype_name(entry->desc.dtype), VKR_SHAPE(&entry->desc),
               entry->data ? "" : "  (strided view)");
        elements += vkr_numel(&entry->desc);
        bytes += vkr_bytes(&entry->desc);
    }
    printf("%s: %u tensors, %" PRIu64 " elements, %" PRIu64 " bytes\n", weights_format(weights), count, elements, bytes);
    weights_close(&weights);
    return VKS_OK;
}

static void print_bits(uint64_t bits)
{
    if (!bits)
        printf(" -");
    for (unsigned i = 0; i < 64; i++)
        if (bits >> i & 1)
            printf(" %s", vkr_cap_name(1ull << i));
}

static vks_status inspect_shaders(const struct args *args)
{
    struct vkr_target target;
    vks_status status = dev_target(args, &target);
    uint64_t bits = status == VKS_OK ? target.caps.bits : 0;
    if (status != VKS_OK)
        printf("no device (%s): only what needs nothing is marked as runnable\n", vks_last_error());
    else
        printf("device: %s\n", target.caps.name);
    for (unsigned i = 0; i < vkr_spirv_count; i++) {
        const struct vkr_spirv *row = &vkr_spirv_table[i];
        printf("%c %-20s %-20s %7zu bytes  needs", (row->needs & ~bits) == 0 ? '+' : '-', row->shader, row->variant,
               row->size);
        print_bits(row->needs);
        printf("\n");
    }
    for (const struct vkr_spirv_declined *row = vkr_spirv_declined_table; row->shader; row++)
        printf("! %-20s %-20s declined: the shader compiler of this build has no %s\n", row->shader, row->variant, row->probe);
    printf("%u variants; + runs here, - needs what this device lacks, ! not in this build\n", vkr_spirv_count);
    return VKS_OK;
}

static vks_status inspect_device(const struct args *args)
{
    struct vkr_target target;
    VKS_TRY(dev_target(args, &target));
    const struct vkr_caps *caps = &target.caps;
    printf("name                 %s\n", caps->name);
    printf("driver               %s\n", caps->driver);
    printf("class                %s\n", vkr_class_name(caps->device_class));
    printf("capabilities        ");
    print_bits(caps->bits);
    printf("\nsubgroup size        %u\n", caps->subgroup_size);
    printf("workgroups           %u x %u x %u\n", caps->max_groups[0], caps->max_groups[1], caps->max_groups[2]);
    printf("invocations          %u\n", caps->max_invocations);
    printf("shared memory        %u bytes\n", caps->max_shared);
    printf("push constants       %u bytes\n", caps->max_push);
    printf("storage buffers      %u per stage\n", caps->max_storage_buffers);
    printf("binding              %" PRIu64 " bytes\n", caps->max_binding);
    printf("texel elements       %" PRIu64 "\n", caps->max_texels);
    printf("allocation           %" PRIu64 " bytes\n", caps->max_allocation);
    printf("device-local heap    %" PRIu64 " bytes\n", caps->heap);
    printf("alignment            %u bytes\n", caps->align);
    printf("timestamp tick       %g ns\n", (double)caps->timestamp_ns);
    printf("unified memory       %s\n", caps->unified ? "yes" : "no");
    return VKS_OK;
}

int cmd_inspect(const struct args *args)
{
    static const struct {
        const char *name;
        vks_status (*run)(const struct args *);
    } rooms[] = {
        { "weights", inspect_weights }, { "graph", inspect_graph },     { "plan", inspect_plan },
        { "memory", inspect_memory },   { "shaders", inspect_shaders }, { "device", inspect_device },
    };
    for (size_t i = 0; args->words > 0 && i < sizeof rooms / sizeof *rooms; i++)
        if (strcmp(args->word[0], rooms[i].name) == 0)
            return dev_finish(rooms[i].run(args));
    return dev_finish(vks_fail(VKS_ERR_ARGUMENT, "inspect what? weights, graph, plan, memory, shaders or device"));
}
