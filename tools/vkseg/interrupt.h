/* interrupt.h: Ctrl-C and SIGTERM as a question asked between steps. */
#ifndef VKSEG_CLI_INTERRUPT_H
#define VKSEG_CLI_INTERRUPT_H

/* From now on the first signal is remembered; a second one ends the process at once. */
void interrupt_install(void);

/* 0, or the exit code of the signal that came: 130 or 143. */
int interrupt_code(void);

/* Says that the run was stopped and nothing was written; returns interrupt_code(). */
int interrupt_report(void);

#endif
