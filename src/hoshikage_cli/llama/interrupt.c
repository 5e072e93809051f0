/*
 * Stopping a forward pass from outside. libllama asks between the nodes of a graph whether to go on;
 * the answer is two flags, which cost nothing to read: one of the context, for other threads, and one
 * for all. An interrupt from the keyboard sets the latter and then goes on to whoever handled
 * interrupts before, so that Python's handler runs as soon as the pass has returned.
 */
#include "native.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t interrupted = 0;
static struct sigaction previous;

bool hoshi_should_abort(void * data) {
    const hoshi_abort * of_context = data;
    return interrupted != 0 || of_context->requested;
}

void hoshi_clear_interrupt(void) {
    interrupted = 0;
}

static void on_interrupt(int number, siginfo_t * info, void * context) {
    interrupted = 1;
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    }
}

int hoshi_abort_on_interrupt(void) {
    struct sigaction current;
    if (sigaction(SIGINT, NULL, &current) != 0) {
        return -1;
    }
    if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == on_interrupt) {
        return 0;
    }
    previous = current;
    struct sigaction action = { .sa_sigaction = on_interrupt, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    return sigaction(SIGINT, &action, NULL);
}
