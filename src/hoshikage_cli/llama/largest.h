/* The largest logits of a row and whose they are, put in order while the row is read. */
#ifndef HOSHI_LARGEST_H
#define HOSHI_LARGEST_H

#include <math.h>
#include <stdint.h>

/* The memory belongs to whoever asks: room for `wanted` of each. */
typedef struct {
    int32_t * tokens;
    double *  values; /* the largest first; of equals the lower id */
    int32_t   wanted;
    int32_t   count;
} largest;

/* What a logit must exceed to be kept. */
static inline float least_kept(const largest * kept) {
    return kept->count < kept->wanted ? -INFINITY : (float) kept->values[kept->count - 1];
}

static inline void keep_one(largest * kept, float value, int32_t token) {
    int32_t place = kept->count < kept->wanted ? kept->count++ : kept->wanted - 1;
    for (; place > 0 && kept->values[place - 1] < value; place--) {
        kept->values[place] = kept->values[place - 1];
        kept->tokens[place] = kept->tokens[place - 1];
    }
    kept->values[place] = value;
    kept->tokens[place] = token;
}

/* z: logits of the tokens from `first` on. What is no number exceeds nothing. */
static inline void keep_largest(largest * kept, const float * z, int64_t first, int64_t n) {
    float least = least_kept(kept);
    for (int64_t i = 0; i < n; i++) {
        if (z[i] > least) {
            keep_one(kept, z[i], (int32_t) (first + i));
            least = least_kept(kept);
        }
    }
}

#endif
