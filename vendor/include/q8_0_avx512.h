/* Products of Q8_0 matrices on processors with AVX-512 and VNNI, but no AMX.
 *
 * ggml's own kernel multiplies 32 bytes, turns 8 partial sums into floats and scales them, for each
 * pair of blocks: three quarters of its instructions are not multiplications. Here the 16 lanes of a
 * vector are 16 rows of the weights, so that a block's 32 products are summed as whole numbers and
 * scaled once. A strip of 16 rows is put into that order when its turn comes, which costs as much as
 * about four tokens, and serves all tokens of the batch. (For matrices that were not prepared when they
 * were loaded, as prepared_avx512.h has it: those of mapped files.)
 *
 * The sum of a block is exact and blocks are added in order, so a token's result depends neither on
 * the other tokens of the batch (a lone one is left to ggml's dot product) nor on the threads. It differs from ggml's in the last
 * bits, because ggml adds 8 partial sums a block in floating point. HOSHIKAGE_STOCK_KERNELS=1 in the
 * environment leaves everything to ggml, for results that equal llama.cpp's to the bit. */
#ifndef HOSHI_Q8_0_AVX512_H
#define HOSHI_Q8_0_AVX512_H

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && \
    defined(__AVX512VNNI__) && defined(__F16C__)
#define HOSHI_Q8_0_AVX512 1

#include "stock_kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // from the intrinsics of GCC 12
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

namespace hoshi {

constexpr int64_t LANES = 16;  // rows of weights in a strip
constexpr int64_t TOKENS = 8;  // tokens whose sums are held in registers at once
constexpr int64_t PARTS = 8;   // a block is 8 parts of 4 values: what one instruction multiplies

/* A block of a token's row, ready for use. */
struct TokenBlock {
    int8_t values[32];
    float scale;
    int32_t offset; // what the raised weights add, negated
};

/* What a thread needs beside the matrices. It grows to the largest product and is kept. */
struct Scratch {
    std::vector<__m512i> weights;      // [blocks][PARTS]: 4 values, raised by 128, of each of 16 rows
    std::vector<__m512> weight_scales; // [blocks]
    std::vector<TokenBlock> tokens;    // [tokens / TOKENS][blocks][TOKENS], fewer in the last group
};

template <typename Block> __m256i values(const Block & block) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(block.qs));
}

/* rows[i] lane j becomes rows[j] lane i. */
inline void transpose(__m512i rows[16]) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/* Puts 16 rows of `blocks` blocks side by side. `row` holds their beginnings; `ahead` blocks behind
 * each lies the row of the next strip, to be fetched into the cache meanwhile. */
template <typename Block>
void pack_strip(Scratch & scratch, const Block * const row[LANES], int64_t blocks, int64_t ahead) {
    const __m512i raise = _mm512_set1_epi8(static_cast<char>(0x80));
    for (int64_t l = 0; l < blocks; l += 2) {
        const bool two = l + 1 < blocks;
        __m512i part[LANES];
        alignas(32) uint16_t scales[2][LANES];
        for (int64_t i = 0; i < LANES; i++) {
            const Block * block = row[i] + l;
            _mm_prefetch(reinterpret_cast<const char *>(block + ahead), _MM_HINT_T1);
            const Block * next = two ? block + 1 : block;
            part[i] = _mm512_inserti64x4(_mm512_castsi256_si512(values(*block)), values(*next), 1);
            part[i] = _mm512_xor_si512(part[i], raise);
            scales[0][i] = block->d;
            scales[1][i] = next->d;
        }
        transpose(part);
        std::copy_n(part, two ? 2 * PARTS : PARTS, &scratch.weights[l * PARTS]);
        for (int64_t i = 0; i < (two ? 2 : 1); i++) {
            const __m256i halves = _mm256_load_si256(reinterpret_cast<__m256i *>(scales[i]));
            scratch.weight_scales[l + i] = _mm512_cvtph_ps(halves);
        }
    }
}

inline int32_t sum_of(__m256i values) {
    const __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), values);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
}

/* Puts n rows in groups of TOKENS, block by block. */
template <typename Block>
void pack_tokens(Scratch & scratch, const Block * tokens, int64_t n, int64_t stride, int64_t blocks) {
    TokenBlock * packed = scratch.tokens.data();
    for (int64_t first = 0; first < n; first += TOKENS) {
        const int64_t last = std::min(n, first + TOKENS);
        for (int64_t l = 0; l < blocks; l++) {
            for (int64_t j = first; j < last; j++, packed++) {
                const Block & block = tokens[j * stride + l];
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(packed->values), values(block));
                packed->scale = _cvtsh_ss(block.d);
                packed->offset = -128 * sum_of(values(block));
            }
        }
    }
}

/* A group of N tokens by the packed strip. */
template <int N>
void multiply(const Scratch & scratch, const TokenBlock * token, int64_t blocks, float * result,
              int64_t stride, __mmask16 rows) {
    __m512 total[N];
    for (int j = 0; j < N; j++) {
        total[j] = _mm512_setzero_ps();
    }
    for (int64_t l = 0; l < blocks; l++) {
        __m512i weights[PARTS];
        std::copy_n(&scratch.weights[l * PARTS], PARTS, weights);
        const __m512 weight_scales = scratch.weight_scales[l];
#pragma GCC unroll 8
        for (int j = 0; j < N; j++, token++) {
            __m512i sum = _mm512_set1_epi32(token->offset);
#pragma GCC unroll 8
            for (int p = 0; p < PARTS; p++) {
                int32_t four;
                std::memcpy(&four, token->values + 4 * p, sizeof four);
                sum = _mm512_dpbusd_epi32(sum, weights[p], _mm512_set1_epi32(four));
            }
            const __m512 scales = _mm512_mul_ps(weight_scales, _mm512_set1_ps(token->scale));
            total[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scales, total[j]);
        }
    }
    for (int j = 0; j < N; j++) {
        _mm512_mask_storeu_ps(result + j * stride, rows, total[j]);
    }
}

template <int N, typename... Rest> void multiply_n(int64_t n, const Rest &... rest) {
    if (n == N) {
        multiply<N>(rest...);
    } else if constexpr (N > 1) {
        multiply_n<N - 1>(n, rest...);
    }
}

/* result[j][i] = weights[i] · tokens[j], for this thread's share of the m rows of weights.
 *
 * `blocks` counts the blocks of a row; strides count blocks, and floats for `result`. `Block` is
 * ggml's block_q8_0: a half-precision scale `d` and 32 signed bytes `qs`. `stopped()` is asked now and
 * then whether the result is still wanted. */
template <typename Block, typename Stopped>
void q8_0_product(int64_t m, int64_t n, int64_t blocks, const Block * weights, int64_t weight_stride,
                  const Block * tokens, int64_t token_stride, float * result, int64_t result_stride,
                  int64_t thread, int64_t threads, const Stopped & stopped) {
    const int64_t strips = (m + LANES - 1) / LANES;
    const int64_t share = (strips + threads - 1) / threads;
    const int64_t end = std::min(strips, (thread + 1) * share);
    if (thread * share >= end) {
        return;
    }
    thread_local Scratch scratch;
    scratch.weights.resize(std::max<size_t>(scratch.weights.size(), blocks * PARTS));
    scratch.weight_scales.resize(std::max<size_t>(scratch.weight_scales.size(), blocks));
    scratch.tokens.resize(std::max<size_t>(scratch.tokens.size(), n * blocks));
    pack_tokens(scratch, tokens, n, token_stride, blocks);
    for (int64_t strip = thread * share; strip < end && !stopped(); strip++) {
        const int64_t left = m - strip * LANES;
        const Block * row[LANES];
        for (int64_t i = 0; i < LANES; i++) {
            row[i] = weights + (strip * LANES + std::min(i, left - 1)) * weight_stride;
        }
        pack_strip(scratch, row, blocks, strip + 1 < end ? LANES * weight_stride : 0);
        const __mmask16 rows = left >= LANES ? 0xffff : static_cast<__mmask16>((1 << left) - 1);
        for (int64_t j = 0; j < n; j += TOKENS) {
            multiply_n<TOKENS>(std::min(TOKENS, n - j), scratch, &scratch.tokens[j * blocks], blocks,
                               result + j * result_stride + strip * LANES, result_stride, rows);
        }
    }
}

} // namespace hoshi

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif
#endif
