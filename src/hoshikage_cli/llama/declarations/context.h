struct llama_context;
typedef bool (*ggml_abort_callback)(void * data);
typedef struct llama_memory_i * llama_memory_t;

#define LLAMA_FLASH_ATTN_TYPE_AUTO ...
#define LLAMA_FLASH_ATTN_TYPE_DISABLED ...
#define LLAMA_FLASH_ATTN_TYPE_ENABLED ...
#define GGML_TYPE_F16 ...
#define GGML_TYPE_F32 ...

struct llama_context_params {
    uint32_t n_ctx;
    uint32_t n_batch;
    uint32_t n_ubatch;
    uint32_t n_seq_max;
    uint32_t n_outputs_max;
    int32_t n_threads;
    int32_t n_threads_batch;
    int flash_attn_type;
    int type_k;
    int type_v;
    ggml_abort_callback abort_callback;
    void * abort_callback_data;
    bool no_perf;
    bool kv_unified;
    bool swa_full;
    ...;
};

typedef struct llama_batch {
    int32_t n_tokens;
    int32_t * token;
    float * embd;
    int32_t * pos;
    int32_t * n_seq_id;
    int32_t ** seq_id;
    int8_t * logits;
    ...;
} llama_batch;

struct llama_context_params llama_context_default_params(void);
struct llama_context * llama_init_from_model(struct llama_model * model, struct llama_context_params params);
void llama_free(struct llama_context * ctx);
void llama_set_causal_attn(struct llama_context * ctx, bool causal_attn);
int32_t llama_decode(struct llama_context * ctx, struct llama_batch batch);
float * llama_get_logits(struct llama_context * ctx);
float * llama_get_logits_ith(struct llama_context * ctx, int32_t i);

llama_memory_t llama_get_memory(const struct llama_context * ctx);
void llama_memory_clear(llama_memory_t mem, bool data);
bool llama_memory_seq_rm(llama_memory_t mem, int32_t seq_id, int32_t p0, int32_t p1);
int32_t llama_memory_seq_pos_min(llama_memory_t mem, int32_t seq_id);
int32_t llama_memory_seq_pos_max(llama_memory_t mem, int32_t seq_id);
size_t llama_state_seq_get_size(struct llama_context * ctx, int32_t seq_id);
size_t llama_state_seq_get_data(struct llama_context * ctx, uint8_t * dst, size_t size, int32_t seq_id);
size_t llama_state_seq_set_data(struct llama_context * ctx, const uint8_t * src, size_t size, int32_t dest_seq_id);

typedef struct {
    bool requested;
} hoshi_abort;

bool hoshi_should_abort(void * data);
void hoshi_clear_interrupt(void);
int hoshi_abort_on_interrupt(void);

bool hoshi_set_attn_block(struct llama_context * ctx, uint32_t n);
