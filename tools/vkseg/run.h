/* run.h: device, model and session of one command, opened in that order and closed together. */
#ifndef VKSEG_CLI_RUN_H
#define VKSEG_CLI_RUN_H

#include "examples.h"
#include "input.h"
#include "settings.h"
#include "shelf.h"

struct run {
    vks_context *context;
    vks_model *model;
    vks_session *session;
    vks_model_info info;
    vks_device_info device;
    char sha256[65];                 /* of the checkpoint; "" until run_hash */
    double device_ms, load_ms;       /* to open the device; device and model together */
    const struct examples *examples; /* NULL or empty: none */
    const char *embeddings;          /* --embeddings; set between run_inspect and run_open */
    struct shelf shelf;
    int was_encoded; /* by run_start: the embedding was nowhere to be had */
};

/* Describes the checkpoint without a device, so that a wrong file costs nothing. Says its licence and its note. */
int run_inspect(const struct settings *settings, struct run *out);

/* Opens the device and puts the weights on it. Returns 0, an exit code, or the code of a signal. */
int run_open(const struct settings *settings, struct run *run);

/* The same, then runs the encoder (or takes the embedding of `input`, after checking that
 * it comes from this very checkpoint). Returns 0, an exit code, or the code of a signal. */
int run_start(const struct settings *settings, const struct input *input, struct run *run);

/* Fills run->sha256. */
int run_hash(struct run *run, const struct settings *settings);

/* Accepts a half-open one. */
void run_close(struct run *run);

/* vks_context_params.log: one line on stderr. */
void log_line(void *user, vks_log_level level, const char *message);

/* Milliseconds of a clock that only grows. */
double milliseconds(void);

#endif
