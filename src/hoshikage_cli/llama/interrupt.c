/*
 * Stopping work from outside. libllama asks between the nodes of a graph, and with our patches inside
 * of the long ones, whether to go on; our own loops over rows ask as well. The answer is two flags,
 * which cost nothing to read: one of the context, for other threads, and one for all. A signal that
 * ends a run sets the latter and then goes on to whoever handled it before, so that Python's handler
 * runs as soon as the work has returned. The flag stays until it is cleared: what begins before
 * Python has looked at the signal is stopped too.
 */
#include "native.h"

#include <signal.h>
#include <stddef.h>

static const int ENDING[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t interrupted = 0;
static struct sigaction previous[NSIG];

bool hoshi_interrupted(void) {
    return interrupted != 0;
}

bool hoshi_should_abort(void * data) {
    const hoshi_abort * of_context = data;
    return interrupted != 0 || of_context->requested;
}

void hoshi_clear_interrupt(void) {
    interrupted = 0;
}

static void on_signal(int number, siginfo_t * info, void * context) {
    interrupted = 1;
    if (previous[number].sa_flags & SA_SIGINFO) {
        previous[number].sa_sigaction(number, info, context);
    } else {
        previous[number].sa_handler(number);
    }
}

/* Puts our handler in front of one that is there. */
static int watch(int number) {
    struct sigaction current;
    if (sigaction(number, NULL, &current) != 0) {
        return -1;
    }
    const bool handled = (current.sa_flags & SA_SIGINFO)
                             ? current.sa_sigaction != on_signal
                             : current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN;
    if (!handled) {
        return 0;
    }
    previous[number] = current;
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, NULL);
}

int hoshi_abort_on_interrupt(void) {
    int failed = 0;
    for (size_t i = 0; i < sizeof ENDING / sizeof *ENDING; i++) {
        failed |= watch(ENDING[i]);
    }
    return failed;
}
