/* folder.h: a temporary folder for a group of tests: test_make_folder and test_remove_folder are the setup and the teardown
 * of a cmocka group, and `test_folder` is there between them. */
#ifndef VKS_TEST_FOLDER_H
#define VKS_TEST_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

static char test_folder[64];

static int test_make_folder(void **state)
{
    (void)state;
    snprintf(test_folder, sizeof test_folder, "/tmp/vkseg-test-XXXXXX");
    return mkdtemp(test_folder) ? 0 : -1;
}

static int test_remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", test_folder);
    return system(command);
}

#endif
