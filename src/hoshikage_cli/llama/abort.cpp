/*
 * Where llama.cpp gives up. It does so in two ways: ggml_abort, behind GGML_ASSERT, and an exception
 * that nobody in it catches. Either may happen in any of its threads, with any of its locks held, and
 * neither can be undone: to return would be to go on with what does not hold, and to unwind would
 * leave the other threads waiting. So the thread stays where it is and has the program say its last
 * words from there: Python's lock comes free, since whoever holds it is not in the library.
 *
 * An alarm ends the process should that fail: where the lock does not come free after all, where the
 * words wait for something that the library holds, or where nobody reads them.
 */
#include "ggml.h"

extern "C" {
#include "native.h"
}

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>

/* Of Python, and of the binding. */
extern "C" int  Py_IsInitialized(void);
extern "C" void hoshi_on_abort(const char * message);

namespace {

const unsigned SECONDS_FOR_LAST_WORDS = 10;

std::atomic<bool> giving_up{ false };
pthread_t         by_thread;
int               exit_code = 1;
char              last_line[1024];

/* Only what a signal handler may do. */
[[noreturn]] void leave() {
    (void) !write(STDERR_FILENO, last_line, strlen(last_line));
    _exit(exit_code);
}

void on_alarm(int) {
    leave();
}

[[noreturn]] void give_up(const char * message) {
    if (giving_up.exchange(true)) {
        while (!pthread_equal(by_thread, pthread_self())) {
            pause();
        }
        leave(); /* the last words themselves failed */
    }
    by_thread = pthread_self();
    snprintf(last_line, sizeof last_line, "hoshikage: llama.cpp gave up: %.900s\n", message);
    signal(SIGALRM, on_alarm);
    alarm(SECONDS_FOR_LAST_WORDS);
    if (Py_IsInitialized()) {
        hoshi_on_abort(message);
    }
    leave();
}

[[noreturn]] void on_terminate() {
    const auto error = std::current_exception();
    if (!error) {
        give_up("std::terminate");
    }
    try {
        std::rethrow_exception(error);
    } catch (const std::exception & known) {
        give_up(known.what());
    } catch (...) {
        give_up("an exception of no known kind");
    }
}

} // namespace

extern "C" void hoshi_end_on_abort(int code) {
    exit_code = code;
    ggml_set_abort_callback(give_up);
    std::set_terminate(on_terminate);
}
