typedef struct {
    float           temperature;
    float           top_p;
    int64_t         top_k;
    float           guidance;
    int32_t         gumbel;
    int32_t         clean;
    const int32_t * banned;
    int32_t         n_banned;
    uint64_t        seed;
    uint64_t        step;
} hoshi_rule;

typedef struct {
    int32_t * tokens;
    float *   probability;
    double *  rest;
    double *  top2;
    double *  entropy;
    int32_t * runner_up;
    double *  logprob;
    int32_t * likeliest;
    double *  logprobs;
    int32_t   keep;
} hoshi_rows;

#define HOSHI_INTERRUPTED ...

int hoshi_reduce_rows(const float * conditional, const float * unconditional, int64_t n_rows, int64_t n_vocab,
                      const int64_t * positions, const hoshi_rule * rule, int32_t n_threads, hoshi_rows * out);
