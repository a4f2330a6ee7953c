/* harness.h: what device tests share: opening the device the environment names, random numbers, one run of a case. */
#ifndef HARNESS_H
#define HARNESS_H

#include "gpu/device.h"
#include "support/op_suite.h"

/* Opens VKS_TEST_DEVICE (default: software Vulkan if there is any, else the best) with VKS_TEST_OPTIONS and, unless
 * VKS_TEST_VALIDATE=0, the validation layer when it is installed. Prints what it took. NULL: no device. */
struct vkr_device *harness_open(void);

/* Uniform in [-1, 1), from a counter: the same on every machine. */
double harness_random(uint64_t *state);

/* Where failures are described, a line each, on this thread; NULL: on stdout. */
extern _Thread_local void (*harness_say)(const char *line);

enum harness_result { HARNESS_PASSED, HARNESS_FAILED, HARNESS_NOT_HERE };

/* Runs one case with `choice` forced (NULL: the operator's own choice), compares with the reference in double, checks the
 * guard bytes. NOT_HERE: the device or the case does not allow that variant. Says failures with the first bad index.
 * `worst` (may be NULL) becomes the error as a fraction of the tolerance. */
enum harness_result harness_run(struct vkr_device *device, const struct op_suite *suite, const struct op_case *test,
                                const struct vkr_choice *choice, double *worst);

/* The call of a case in a graph for `target`, with the result as output "y". */
vks_status harness_build(const struct vkr_target *target, const struct op_suite *suite, const struct op_case *test,
                         struct vkr_graph **out);

/* The call of a rejection must fail with VKS_ERR_* and a sentence that contains its word. */
enum harness_result harness_reject(const struct vkr_target *target, const struct op_suite *suite,
                                   const struct op_rejection *rejection);

#endif
