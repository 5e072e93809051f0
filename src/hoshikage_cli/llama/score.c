/*
 * The log-probability of one token in each row of logits, read where the logits lie, in double
 * precision. A row is read by one thread, so that the result never depends on how many threads
 * share the rows. decoding/likelihood.py is the specification of every number here.
 */
#include "score.h"

#include "native.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

enum { MAX_THREADS = 64 };

/* Below this many logits a thread costs more than it saves. */
static const int64_t LOGITS_PER_THREAD = 1 << 13;

typedef struct {
    const float *   conditional;
    const float *   unconditional; /* NULL without guidance */
    double          guidance;
    const int32_t * targets;
    double *        log_probability;
    int32_t *       likeliest;
    int64_t         n_rows;
    int64_t         n_vocab;
    _Atomic int64_t next;
    _Atomic int     failed;
} job;

static double logit(const float * z, const float * u, double scale, int64_t token) {
    return u ? (double) u[token] + scale * ((double) z[token] - (double) u[token]) : (double) z[token];
}

/* The token with the largest logit, the first of equals. */
static int64_t argmax(const float * z, const float * u, double scale, int64_t n_vocab) {
    int64_t best = 0;
    double top = logit(z, u, scale, 0);
    for (int64_t token = 1; token < n_vocab; token++) {
        const double value = logit(z, u, scale, token);
        if (value > top) {
            top = value;
            best = token;
        }
    }
    return best;
}

static void score_row(const job * j, int64_t row) {
    const float * z = j->conditional + row * j->n_vocab;
    const float * u = j->unconditional ? j->unconditional + row * j->n_vocab : NULL;
    const double scale = j->guidance + 1.0;
    const int64_t best = argmax(z, u, scale, j->n_vocab);
    const double top = logit(z, u, scale, best);
    double sum = 0.0;
    for (int64_t token = 0; token < j->n_vocab; token++) {
        sum += exp(logit(z, u, scale, token) - top);
    }
    j->log_probability[row] = logit(z, u, scale, j->targets[row]) - top - log(sum);
    j->likeliest[row] = (int32_t) best;
}

static void * run_job(void * argument) {
    job * j = argument;
    for (int64_t row; (row = atomic_fetch_add(&j->next, 1)) < j->n_rows;) {
        if (hoshi_interrupted()) {
            atomic_store(&j->failed, HOSHI_INTERRUPTED);
            break;
        }
        score_row(j, row);
    }
    return NULL;
}

static int64_t useful_threads(const job * j, int32_t wanted) {
    const int64_t by_work = 1 + j->n_rows * j->n_vocab / LOGITS_PER_THREAD;
    int64_t n = wanted < by_work ? wanted : by_work;
    n = n < j->n_rows ? n : j->n_rows;
    return n < MAX_THREADS ? n : MAX_THREADS;
}

int hoshi_log_probabilities(const float * conditional, const float * unconditional, double guidance,
                             int64_t n_rows, int64_t n_vocab, const int32_t * targets, int32_t n_threads,
                             double * log_probability, int32_t * likeliest) {
    job j = { conditional, unconditional, guidance, targets, log_probability, likeliest, n_rows, n_vocab, 0, 0 };
    pthread_t threads[MAX_THREADS];
    int64_t n_started = 0;
    for (const int64_t wanted = useful_threads(&j, n_threads) - 1; n_started < wanted; n_started++) {
        if (pthread_create(&threads[n_started], NULL, run_job, &j) != 0) {
            break; /* the threads that exist do the work */
        }
    }
    run_job(&j);
    for (int64_t i = 0; i < n_started; i++) {
        pthread_join(threads[i], NULL);
    }
    return atomic_load(&j.failed);
}
