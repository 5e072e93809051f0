/*
 * Drives the decoding function of llama-diffusion-cli (examples/diffusion/diffusion.cpp, compiled
 * unchanged against the unpatched library) and tells what the program itself does not print: the
 * token ids of the canvas before every step, and raw logits.
 *
 *     peer_trace MODEL THREADS < requests > answers
 *
 * A request is one line of numbers:
 *     generate STEPS ALGORITHM SCHEDULE EPS BLOCK TEMPERATURE TOP_K TOP_P CFG ALG_TEMP GUMBEL SEED
 *              SHIFT LENGTH N_PROMPT TOKEN...     -> "canvas ID..." a step, the result last, "end"
 *     logits FILE N TOKEN...                      -> float32 rows in FILE, "end"
 */
#include "diffusion.h"

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

llama_context * new_context(llama_model * model, int32_t length, int32_t threads) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx    = length;
    params.n_batch  = length;
    params.n_ubatch = length;
    llama_context * context = llama_init_from_model(model, params);
    llama_set_n_threads(context, threads, threads);
    return context;
}

void print_canvas(const llama_token * tokens, int32_t n) {
    std::cout << "canvas";
    for (int32_t i = 0; i < n; i++) {
        std::cout << ' ' << tokens[i];
    }
    std::cout << '\n';
}

bool on_step(int32_t, int32_t, const llama_token * tokens, int32_t n, void *) {
    print_canvas(tokens, n);
    return true;
}

std::vector<llama_token> read_tokens(std::istream & in) {
    int32_t n = 0;
    in >> n;
    std::vector<llama_token> tokens(n);
    for (llama_token & token : tokens) {
        in >> token;
    }
    return tokens;
}

void generate(llama_model * model, int32_t threads, std::istream & in) {
    diffusion_params params;
    int32_t algorithm = 0, schedule = 0;
    in >> params.steps >> algorithm >> schedule >> params.eps >> params.block_length >> params.temperature >>
        params.top_k >> params.top_p >> params.cfg_scale >> params.alg_temp >> params.add_gumbel_noise >>
        params.seed >> params.shift_logits >> params.max_length;
    params.algorithm     = static_cast<diffusion_algorithm>(algorithm);
    params.schedule      = static_cast<diffusion_transfer_schedule>(schedule);
    params.mask_token_id = llama_vocab_mask(llama_model_get_vocab(model));
    params.step_callback = on_step;

    const std::vector<llama_token> prompt = read_tokens(in);
    std::vector<llama_token> canvas(params.max_length);
    int32_t n_generated = 0;
    llama_context * context = new_context(model, params.max_length, threads);
    diffusion_generate(context, prompt.data(), canvas.data(), (int32_t) prompt.size(), params, n_generated);
    print_canvas(canvas.data(), n_generated);
    llama_free(context);
}

void write_logits(llama_model * model, int32_t threads, std::istream & in) {
    std::string path;
    in >> path;
    std::vector<llama_token> tokens = read_tokens(in);
    const int32_t n = (int32_t) tokens.size();
    llama_context * context = new_context(model, n, threads);
    llama_set_causal_attn(context, false);
    llama_batch batch = llama_batch_init(n, 0, 1);
    batch.n_tokens = n;
    for (int32_t i = 0; i < n; i++) {
        batch.token[i]     = tokens[i];
        batch.pos[i]       = i;
        batch.n_seq_id[i]  = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i]    = true;
    }
    if (llama_decode(context, batch) == 0) {
        const size_t n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char *>(llama_get_logits(context)), sizeof(float) * n_vocab * n);
    }
    llama_batch_free(batch);
    llama_free(context);
}

void quiet(ggml_log_level, const char *, void *) {}

}  // namespace

int main(int argc, char ** argv) {
    if (argc != 3) {
        std::cerr << "usage: peer_trace MODEL THREADS < requests\n";
        return 2;
    }
    llama_log_set(quiet, nullptr);
    llama_backend_init();
    llama_model * model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) {
        std::cerr << "peer_trace: cannot load " << argv[1] << '\n';
        return 1;
    }
    const int32_t threads = std::stoi(argv[2]);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream request(line);
        std::string what;
        request >> what;
        what == "logits" ? write_logits(model, threads, request) : generate(model, threads, request);
        std::cout << "end" << std::endl;
    }
    llama_model_free(model);
    return 0;
}
