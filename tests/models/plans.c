/* plans.c: the toy's plans as text, without a device: a variant, barrier, grid or byte that moves shows as a line that
 * differs. `test_models_plans write` writes them anew after a change that was meant; the diff belongs into its commit.
 */
//! test models_plans
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "graph/plan.h"
#include "models/family.h"
#include "weights/synth.h"

static const char toy[] = VKS_SOURCE_DIR "/assets/golden/sam_toy";

static const struct preset {
    const char *name;
    struct vkr_caps (*make)(void);
} presets[] = { { "minimum", vkr_caps_minimum }, { "lavapipe", vkr_caps_lavapipe } };

static struct weights *weights;
static struct network *network;

static char *plan_text(const struct preset *preset, bool encode)
{
    const struct vkr_target target = { .caps = preset->make() };
    const struct decode_shape shape = { .objects = 2, .tokens = 3, .mask = true };
    struct vkr_graph *graph = NULL;
    char *text = NULL;
    assert_int_equal(vkr_graph_create(&target, &graph), VKS_OK);
    if (encode)
        network->family->encode(network, (struct nn){ graph, false }, NULL);
    else
        network->family->decode(network, (struct nn){ graph, false }, NULL, &shape);
    if (vkr_plan_print(graph, &text) != VKS_OK)
        fail_msg("%s", vks_last_error());
    vkr_graph_destroy(&graph);
    return text;
}

static void golden_path(char path[600], const struct preset *preset, bool encode)
{
    snprintf(path, 600, "%s/plan_%s_%s.txt", toy, preset->name, encode ? "encode" : "decode");
}

static size_t line_length(const char *text)
{
    return strcspn(text, "\n");
}

static void compare(const char *path, const char *got)
{
    static char want[1 << 17];
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s cannot be read; test_models_plans write makes it", path);
    want[fread(want, 1, sizeof want - 1, file)] = '\0';
    fclose(file);
    const char *a = want, *b = got;
    for (unsigned line = 1; *a || *b; line++) {
        size_t left = line_length(a), right = line_length(b);
        if (left != right || memcmp(a, b, left) != 0)
            fail_msg("%s:%u:\n  was %.*s\n  is  %.*s\nIf that was meant: test_models_plans write", path, line,
                     (int)left, a, (int)right, b);
        a += left + (a[left] == '\n');
        b += right + (b[right] == '\n');
    }
}

static void test_plans(void **state)
{
    const struct preset *preset = *state;
    for (int encode = 0; encode < 2; encode++) {
        char path[600], *text = plan_text(preset, encode == 1);
        golden_path(path, preset, encode == 1);
        compare(path, text);
        vkr_free(text);
    }
}

static int open_toy(void)
{
    char folder[] = "/tmp/vkseg_plans_XXXXXX", path[100], table[600];
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/toy.safetensors", folder);
    snprintf(table, sizeof table, "%s/weights.tsv", toy);
    vks_status status = synth_write(table, path);
    if (status == VKS_OK)
        status = weights_open(path, &weights);
    if (status == VKS_OK)
        status = family_open(weights, NULL, &network);
    remove(path);
    rmdir(folder);
    if (status != VKS_OK)
        printf("%s\n", vks_last_error());
    return status == VKS_OK ? 0 : -1;
}

static int write_all(void)
{
    for (size_t i = 0; i < 4; i++) {
        char path[600], *text = plan_text(&presets[i / 2], i % 2 == 1);
        golden_path(path, &presets[i / 2], i % 2 == 1);
        FILE *file = fopen(path, "wb");
        if (!file || fputs(text, file) < 0 || fclose(file) != 0)
            return 1;
        vkr_free(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        { "minimum", test_plans, NULL, NULL, (void *)(size_t)&presets[0] },
        { "lavapipe", test_plans, NULL, NULL, (void *)(size_t)&presets[1] },
    };
    int failed = open_toy();
    if (failed == 0)
        failed = argc > 1 && strcmp(argv[1], "write") == 0 ? write_all()
                                                           : cmocka_run_group_tests_name("plans", tests, NULL, NULL);
    family_close(&network);
    weights_close(&weights);
    return failed != 0;
}
