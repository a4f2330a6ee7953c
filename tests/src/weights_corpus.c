/* weights_corpus.c: the seeds and former finds of the fuzz targets, as ordinary tests. */
//! test src_weights_corpus
#include "weights_build.h"

#include <dirent.h>

static unsigned run_folder(const char *name, bool is_pickle)
{
    char path[1024];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/weights/%s", VKS_SOURCE_DIR, name);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *item; (item = readdir(folder));) {
        if (item->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/weights/%s/%s", VKS_SOURCE_DIR, name, item->d_name);
        FILE *input = fopen(path, "rb");
        assert_non_null(input);
        struct bytes file = { malloc(1 << 20), 0 };
        assert_non_null(file.data);
        file.size = fread(file.data, 1, 1 << 20, input);
        fclose(input);
        if (is_pickle) {
            struct bytes pickle = file;
            file = make_torch(&pickle);
            drop(&pickle);
        }
        try_file(file.data, file.size);
        drop(&file);
        count++;
    }
    closedir(folder);
    return count;
}

static void nothing_breaks(void **state)
{
    (void)state;
    assert_true(run_folder("safetensors", false) > 0);
    assert_true(run_folder("torchzip", false) > 0);
    assert_true(run_folder("pickle", true) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_breaks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
