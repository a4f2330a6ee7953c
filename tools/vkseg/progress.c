/* progress.c: at most twenty updates a second; the bar is one line, redrawn in place. */
#include "progress.h"

#include "interrupt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, LINE_WIDTH = 76 };

static enum progress_mode mode = PROGRESS_NONE;
static double started, drawn;
static int is_on_screen;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_begin(enum progress_mode wanted, int quiet)
{
    mode = wanted;
    if (mode == PROGRESS_AUTO)
        mode = !quiet && isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_NONE;
    started = seconds();
    drawn = 0;
}

void progress_clear(void)
{
    if (!is_on_screen)
        return;
    fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
    fflush(stderr);
    is_on_screen = 0;
}

static void draw_bar(double fraction, const char *stage, double remaining)
{
    char line[128], bar[BAR_WIDTH + 1], eta[32] = "";
    int filled = (int)(fraction * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';
    if (remaining >= 90)
        snprintf(eta, sizeof eta, "  %.0f min left", ceil(remaining / 60));
    else if (remaining >= 0)
        snprintf(eta, sizeof eta, "  %.0f s left", ceil(remaining));
    int percent = (int)(fraction * 100);
    snprintf(line, sizeof line, "%-12.12s [%s] %3d%%%s", stage, bar, percent, eta);
    fprintf(stderr, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, line);
    fflush(stderr);
    is_on_screen = 1;
}

static void draw_json(double fraction, const char *stage, double elapsed, double remaining)
{
    fputs("{\"stage\":\"", stderr);
    for (const char *c = stage; *c; c++) {
        if ((unsigned char)*c >= 0x20 && *c != '"' && *c != '\\')
            fputc(*c, stderr);
    }
    fprintf(stderr, "\",\"fraction\":%.4f,\"elapsed_s\":%.3f", fraction, elapsed);
    if (remaining >= 0)
        fprintf(stderr, ",\"eta_s\":%.3f", remaining);
    fputs("}\n", stderr);
    fflush(stderr);
}

int progress_update(void *user, double fraction, const char *stage)
{
    (void)user;
    double now = seconds(), elapsed = now - started;
    if (!(fraction >= 0))
        fraction = 0;
    if (fraction > 1)
        fraction = 1;
    int is_due = now - drawn >= 0.05 || fraction >= 1;
    double remaining = fraction > 0.02 ? elapsed * (1 - fraction) / fraction : -1;
    if (!stage)
        stage = "";
    if (mode == PROGRESS_BAR && is_due)
        draw_bar(fraction, stage, remaining);
    else if (mode == PROGRESS_JSON && is_due)
        draw_json(fraction, stage, elapsed, remaining);
    if (is_due)
        drawn = now;
    return interrupt_code() != 0;
}
