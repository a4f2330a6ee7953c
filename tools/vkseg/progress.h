/* progress.h: how far the encoder is, on stderr: a bar for people, JSON lines for programs. */
#ifndef VKSEG_CLI_PROGRESS_H
#define VKSEG_CLI_PROGRESS_H

enum progress_mode {
    PROGRESS_AUTO, /* a bar when stderr is a terminal */
    PROGRESS_BAR,
    PROGRESS_JSON,
    PROGRESS_NONE
};

/* Sets the mode and starts the clock. */
void progress_begin(enum progress_mode mode, int quiet);

/* vks_session_params.progress: draws, and asks to stop once a signal has come. */
int progress_update(void *user, double fraction, const char *stage);

/* Removes the bar, so that a message starts on a clean line. */
void progress_clear(void);

#endif
