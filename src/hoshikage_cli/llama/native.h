/* What is computed natively beside libllama: row reductions (rows.c), one sampled token
 * (sample.c), stopping a forward pass (interrupt.c), what only a patched library has (patched.c), how
 * the process ends where llama.cpp gives up (abort.cpp). */
#ifndef HOSHI_NATIVE_H
#define HOSHI_NATIVE_H

#include "llama.h"

#include <stdbool.h>
#include <stdint.h>

enum { HOSHI_STREAM_DRAW = 0, HOSHI_STREAM_GUMBEL = 1 };

typedef struct {
    float           temperature; /* 0: greedy */
    float           top_p;       /* 1: off */
    int64_t         top_k;       /* 0: off */
    float           guidance;    /* w of z = u + (w + 1)(c - u) */
    int32_t         gumbel;
    int32_t         clean;       /* statistics from the softmax at temperature 1, unfiltered */
    const int32_t * banned;      /* ids whose logits count as -inf */
    int32_t         n_banned;
    uint64_t        seed;
    uint64_t        step;
} hoshi_rule;

typedef struct {
    int32_t * tokens;
    float *   probability;
    double *  rest; /* 1 - the largest probability, summed from all others */
    double *  top2;
    double *  entropy;
    int32_t * runner_up;
    double *  logprob; /* of the proposed token; NULL: neither that nor what follows is wanted */
    int32_t * likeliest; /* n_rows times keep: the likeliest first, of equals the lower id, as far as there are any */
    double *  logprobs; /* theirs */
    int32_t   keep;
} hoshi_rows;

enum { HOSHI_NO_MEMORY = 1, HOSHI_INTERRUPTED = 2 };

/* Reduces n_rows rows of n_vocab logits; unconditional may be NULL. Returns 0, or why not all rows
 * were reduced. */
int hoshi_reduce_rows(const float * conditional, const float * unconditional, int64_t n_rows, int64_t n_vocab,
                      const int64_t * positions, const hoshi_rule * rule, int32_t n_threads, hoshi_rows * out);

int32_t hoshi_sample_greedily(const float * logits, int32_t n_vocab, float * probability);
int32_t hoshi_sample(struct llama_sampler * chain, const float * logits, int32_t n_vocab,
                     llama_token_data * candidates, float * probability);

typedef struct {
    volatile bool requested;
} hoshi_abort;

/* data: the hoshi_abort of the context that asks. */
bool hoshi_should_abort(void * data);
/* Whether a signal has come that ends a run, since the last hoshi_clear_interrupt. */
bool hoshi_interrupted(void);
void hoshi_clear_interrupt(void);
/* Makes those of SIGINT, SIGTERM and SIGHUP that have a handler stop what is under way as well; 0, or
 * -1 as sigaction. */
int hoshi_abort_on_interrupt(void);

/* From now on the process ends with this exit code, after hoshi_on_abort, where llama.cpp gives up. */
void hoshi_end_on_abort(int code);

/* Lets each position of a block of n attend to the whole block, under causal attention; 0: off.
 * Returns whether the bound library can. */
bool hoshi_set_attn_block(struct llama_context * ctx, uint32_t n);

#endif
