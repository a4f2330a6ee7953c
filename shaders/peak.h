/* peak.h: contract between peak.comp and runtime/gpu/rates.c. */
#ifndef PEAK_H
#define PEAK_H
#include "shared.h"
#define PEAK_LOCAL 64
#define PEAK_CHAINS 12          /* independent multiply-adds in flight per invocation, enough to hide their latency */
#define PEAK_UNROLL 16          /* of each chain per round */
#define PEAK_WAVES 4            /* subgroups of a workgroup that sums cooperative matrices */
#define PEAK_TILES 4            /* independent sums of each */
#define PEAK_STREAM 16          /* vec4 per invocation */
struct peak_args {
    uint rounds;                /* of the arithmetic */
    uint count;                 /* vec4 of the stream */
    float factor, offset;       /* the chains compute x = x * factor + offset; unknown to the compiler */
};
VKR_ARGS_FIT(peak_args)
#endif
