/* One token of an autoregressive run: a chain of libllama's samplers over one row of logits. */
#include "exponential.h"
#include "native.h"

#include <math.h>

static float softmax_of(const llama_token_data_array * candidates, int64_t selected) {
    float top = -INFINITY;
    double sum = 0.0;
    for (size_t i = 0; i < candidates->size; i++) {
        top = fmaxf(top, candidates->data[i].logit);
    }
    for (size_t i = 0; i < candidates->size; i++) {
        sum += (double) exp_nonpositive(candidates->data[i].logit - top);
    }
    return (float) (exp((double) (candidates->data[selected].logit - top)) / sum);
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
