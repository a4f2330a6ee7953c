/* headers.c: every public header compiles by itself, as C11 and as C++11, with warnings as errors.
 * The machine's compilers do it: $CC and $CXX, else cc and c++; a missing compiler is a visible skip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const headers[] = { "base.h", "vkseg.h", "vkseg_io.h", "vkseg_measure.h", "vkseg_volume.h", "vkseg_vulkan.h" };

static int compile(const char *compiler, const char *flags, const char *header)
{
    char command[1024];
    int written = snprintf(command, sizeof command,
                           "echo '#include \"vkseg/%s\"' | %s %s -Wall -Wextra -Wpedantic -Werror -fsyntax-only "
                           "-I\"%s/include\" -", header, compiler, flags, VKS_SOURCE_DIR);
    assert_in_range(written, 1, sizeof command - 1);
    return system(command);
}

static void check(const char *variable, const char *fallback, const char *flags)
{
    const char *compiler = getenv(variable);
    if (!compiler || !*compiler)
        compiler = fallback;
    char probe[256];
    snprintf(probe, sizeof probe, "command -v %.200s >/dev/null", compiler);
    if (system(probe) != 0) {
        print_message("skipped: no compiler %s\n", compiler);
        skip();
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (compile(compiler, flags, headers[i]) != 0)
            fail_msg("%s does not compile by itself with %s %s", headers[i], compiler, flags);
    }
}

static void test_c11(void **state)
{
    (void)state;
    check("CC", "cc", "-x c -std=c11");
}

static void test_cxx11(void **state)
{
    (void)state;
    check("CXX", "c++", "-x c++ -std=c++11");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_c11), cmocka_unit_test(test_cxx11) };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
