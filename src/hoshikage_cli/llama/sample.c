/* One token of an autoregressive run: a chain of libllama's samplers over one row of logits. */
#include "exponential.h"
#include "native.h"

#include <math.h>

enum { RUN = 4096 };

static int32_t shorter(int32_t a, int32_t b) { return a < b ? a : b; }

/* Where the largest logit is, the first of equals: the run that holds it, then the place in it. */
static int32_t first_maximum(const float * logits, int32_t n) {
    float top = -INFINITY;
    int32_t place = 0;
    for (int32_t begin = 0; begin < n; begin += RUN) {
        const int32_t end = shorter(begin + RUN, n);
        float best = -INFINITY;
        #pragma omp simd reduction(max : best)
        for (int32_t i = begin; i < end; i++) {
            best = logits[i] > best ? logits[i] : best;
        }
        if (best > top) {
            top = best;
            place = begin;
        }
    }
    const int32_t end = shorter(place + RUN, n);
    for (int32_t i = place; i < end; i++) {
        if (logits[i] == top) {
            return i;
        }
    }
    return place;
}

/* Sum of exp(logits[i * stride] - top), in runs short enough for single precision. */
static double exponential_sum(const float * logits, int32_t n, int32_t stride, float top) {
    double sum = 0.0;
    for (int32_t begin = 0; begin < n; begin += RUN) {
        const int32_t end = shorter(begin + RUN, n);
        float part = 0.0f;
        #pragma omp simd reduction(+ : part)
        for (int32_t i = begin; i < end; i++) {
            part += exp_nonpositive(logits[i * stride] - top);
        }
        sum += (double) part;
    }
    return sum;
}

/* The probability of a candidate among those that the chain has left. */
static float softmax_of(const llama_token_data_array * candidates, int64_t selected) {
    const int32_t stride = sizeof(llama_token_data) / sizeof(float);
    const int32_t n = (int32_t) candidates->size;
    const float * logits = &candidates->data[0].logit;
    float top = -INFINITY;
    for (int32_t i = 0; i < n; i++) {
        top = fmaxf(top, logits[i * stride]);
    }
    const double sum = exponential_sum(logits, n, stride, top);
    return (float) (exp((double) (candidates->data[selected].logit - top)) / sum);
}

/* The token with the largest logit, the first of equals, and its probability. */
int32_t hoshi_sample_greedily(const float * logits, int32_t n_vocab, float * probability) {
    const int32_t token = first_maximum(logits, n_vocab);
    *probability = (float) (1.0 / exponential_sum(logits, n_vocab, 1, logits[token]));
    return token;
}

/* Returns the token, accepted by the chain, and its probability; -1 if the chain chose none. */
int32_t hoshi_sample(struct llama_sampler * chain, const float * logits, int32_t n_vocab,
                     llama_token_data * candidates, float * probability) {
    for (int32_t token = 0; token < n_vocab; token++) {
        candidates[token] = (llama_token_data){ token, logits[token], 0.0f };
    }
    llama_token_data_array row = { candidates, (size_t) n_vocab, -1, false };
    llama_sampler_apply(chain, &row);
    if (row.selected < 0 || row.selected >= (int64_t) row.size) {
        return -1;
    }
    const llama_token_data chosen = row.data[row.selected];
    *probability = chosen.p > 0.0f ? chosen.p : softmax_of(&row, row.selected);
    llama_sampler_accept(chain, chosen.id);
    return chosen.id;
}
