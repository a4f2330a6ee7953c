/* message.h: everything vkseg says to a person, on stderr, and the exit code that goes with it.
 *
 * A failure is three parts: what happened and where (the sentence), then what to do (the advice). Text from files is
 * printed without its control characters.
 */
#ifndef VKSEG_CLI_MESSAGE_H
#define VKSEG_CLI_MESSAGE_H

#include "vkseg/base.h"

enum exit_code {
    DONE = 0,
    FAILED_INTERNALLY = 1,
    BAD_USAGE = 2,
    INPUT_MISSING = 3,
    INPUT_BAD = 4,
    MODEL_BAD = 5,
    NO_DEVICE = 6,
    NO_MEMORY = 7,
    DEVICE_LOST = 8,
    OUTPUT_REFUSED = 9,
    CHECK_FAILED = 11,
    CANCELLED = 12
};

/* What the program was doing when a status came back: it decides between neighbouring exit codes. */
enum stage { STAGE_INPUT, STAGE_MODEL, STAGE_DEVICE, STAGE_RUN, STAGE_OUTPUT };

/* Silences what is not an error (-q); more detail (-v: 1, -v -v: 2). */
void message_level(int quiet, int verbosity);
int message_verbosity(void);

/* Prints "vkseg: SENTENCE" and the advice (may be NULL) on the next line; returns `code`. */
int fail(enum exit_code code, const char *advice, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Prints the library's sentence about its last failure, the file or device concerned in front of it when the sentence
 * does not name it, and the advice for that status. Returns the exit code. */
int fail_status(vks_status status, enum stage stage, const char *subject);

/* The same of a failure in another thread, whose sentence was kept. */
int fail_sentence(vks_status status, enum stage stage, const char *subject, const char *sentence);

/* One line that is not an error; silent after -q. */
void note(const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 1, 2)))
#endif
    ;

/* The last component of a path: "a/b.png" gives "b.png". */
const char *base_name(const char *path);

#endif
