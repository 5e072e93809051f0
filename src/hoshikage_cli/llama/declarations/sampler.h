struct llama_sampler;

struct llama_sampler_chain_params {
    bool no_perf;
    ...;
};

typedef struct llama_token_data {
    int32_t id;
    float logit;
    float p;
    ...;
} llama_token_data;

struct llama_sampler_chain_params llama_sampler_chain_default_params(void);
struct llama_sampler * llama_sampler_chain_init(struct llama_sampler_chain_params params);
void llama_sampler_chain_add(struct llama_sampler * chain, struct llama_sampler * smpl);
struct llama_sampler * llama_sampler_init_greedy(void);
struct llama_sampler * llama_sampler_init_dist(uint32_t seed);
struct llama_sampler * llama_sampler_init_top_k(int32_t k);
struct llama_sampler * llama_sampler_init_top_p(float p, size_t min_keep);
struct llama_sampler * llama_sampler_init_min_p(float p, size_t min_keep);
struct llama_sampler * llama_sampler_init_temp(float t);
struct llama_sampler * llama_sampler_init_penalties(int32_t n_vocab, int32_t penalty_last_n, float penalty_repeat,
                                                    float penalty_freq, float penalty_present);
void llama_sampler_accept(struct llama_sampler * smpl, int32_t token);
void llama_sampler_free(struct llama_sampler * smpl);

int32_t hoshi_sample_greedily(const float * logits, int32_t n_vocab, float * probability);
int32_t hoshi_sample(struct llama_sampler * chain, const float * logits, int32_t n_vocab,
                     llama_token_data * candidates, float * probability);
