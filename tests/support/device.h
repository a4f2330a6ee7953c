/* device.h: the device that tests run on, for those who open it through the public functions. All of them run under the
 * validation layer where it is installed; one message of it fails the program. */
#ifndef TEST_DEVICE_H
#define TEST_DEVICE_H

#include <stdbool.h>

/* VKS_TEST_DEVICE; else "cpu" when there is such a device; else NULL, the best one. */
const char *test_device(void);

/* VKS_TEST_OPTIONS, with validate=1 unless VKS_TEST_VALIDATE=0 or the layer is missing (which is said once). */
const char *test_options(void);

bool test_device_has_f16(void);

/* The exit code of a program none of whose cases could run: CTest reports it as skipped. */
enum { TEST_SKIPPED = 77 };

/* The exit code of a program with `failed` failures: validation messages are a failure. */
int test_verdict(int failed);

#endif
