/* interrupt.c: the handler only stores a number; outputs are written by renaming, so stopping anywhere is safe. */
#include "interrupt.h"

#include "message.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t received;

static void remember(int signal_number)
{
    received = signal_number;
}

void interrupt_install(void)
{
    struct sigaction action = { .sa_handler = remember, .sa_flags = (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int interrupt_code(void)
{
    return received ? 128 + (int)received : 0;
}

int interrupt_report(void)
{
    fail(CANCELLED, NULL, "stopped on request; no output was written.");
    return interrupt_code();
}
