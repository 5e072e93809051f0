int32_t llama_vocab_n_tokens(const struct llama_vocab * vocab);

#define LLAMA_TOKEN_ATTR_UNKNOWN ...
#define LLAMA_TOKEN_ATTR_CONTROL ...
#define LLAMA_TOKEN_ATTR_USER_DEFINED ...
#define LLAMA_TOKEN_ATTR_RSTRIP ...

int llama_vocab_get_attr(const struct llama_vocab * vocab, int32_t token);
const char * llama_vocab_get_text(const struct llama_vocab * vocab, int32_t token);
bool llama_vocab_is_eog(const struct llama_vocab * vocab, int32_t token);
bool llama_vocab_get_add_bos(const struct llama_vocab * vocab);
int32_t llama_vocab_mask(const struct llama_vocab * vocab);
int32_t llama_vocab_bos(const struct llama_vocab * vocab);
int32_t llama_vocab_eos(const struct llama_vocab * vocab);
int32_t llama_vocab_pad(const struct llama_vocab * vocab);
int32_t llama_tokenize(const struct llama_vocab * vocab, const char * text, int32_t text_len, int32_t * tokens,
                       int32_t n_tokens_max, bool add_special, bool parse_special);
int32_t llama_token_to_piece(const struct llama_vocab * vocab, int32_t token, char * buf, int32_t length,
                             int32_t lstrip, bool special);
