/* clock.h: milliseconds by the wall clock and of the process's CPU time; only differences mean something. */
#ifndef VKS_CLOCK_H
#define VKS_CLOCK_H

#include "vkseg/vkseg_measure.h"

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

/* All threads. */
static inline double clock_cpu_ms(void)
{
#if defined(_WIN32)
    return (double)clock() * 1e3 / CLOCKS_PER_SEC;
#else
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
#endif
}

/* Laps: clock_add_lap adds the time since the start or the lap before to `out`. */
struct clock_lap {
    double wall_ms, cpu_ms;
};

static inline struct clock_lap clock_start(void)
{
    return (struct clock_lap){ clock_ms(), clock_cpu_ms() };
}

static inline void clock_add_lap(struct clock_lap *lap, vks_stage_time *out)
{
    struct clock_lap now = clock_start();
    out->wall_ms += now.wall_ms - lap->wall_ms;
    out->cpu_ms += now.cpu_ms - lap->cpu_ms;
    *lap = now;
}

#endif
