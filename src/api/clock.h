/* clock.h: wall-clock milliseconds for vks_timing; only differences mean something. */
#ifndef VKS_CLOCK_H
#define VKS_CLOCK_H

#include <time.h>

static inline double clock_ms(void)
{
    struct timespec now;
#if defined(_WIN32)
    timespec_get(&now, TIME_UTC);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

#endif
