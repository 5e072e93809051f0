/* Log-probabilities of given tokens (score.c). */
#ifndef HOSHI_SCORE_H
#define HOSHI_SCORE_H

#include <stdint.h>

/* For each of n_rows rows of n_vocab logits: ln softmax at its target, and the likeliest token.
 * unconditional may be NULL; else the logits are u + (guidance + 1)(c - u). Returns 0, or
 * HOSHI_INTERRUPTED. */
int hoshi_log_probabilities(const float * conditional, const float * unconditional, double guidance,
                             int64_t n_rows, int64_t n_vocab, const int32_t * targets, int32_t n_threads,
                             double * log_probability, int32_t * likeliest);

#endif
