/* Products of weights that were prepared when they were loaded, on processors with AVX-512 and VNNI.
 *
 * A strip is 16 rows of weights, one in each lane of a vector; a step is 64 columns of it (256 of the
 * K-quants), and its bytes lie in the order in which they are used. A token's row is quantised just as
 * ggml does it, and kept with what the kernel wants to know of it. One strip by up to 8 tokens: the
 * step's weights and the tokens' sums stay in registers, the tokens' values come from memory, four to
 * all lanes at once.
 *
 * The products of a block are summed as whole numbers; in the K-quants also times the sub-blocks'
 * scales, which are whole numbers as well, and less the mins times the sums of the token's values. Then
 * comes one conversion, and one rounded addition. Blocks are added in one order, so that a token's
 * result depends neither on the other tokens of the batch nor on the threads. */
#ifndef HOSHI_PREPARED_AVX512_H
#define HOSHI_PREPARED_AVX512_H

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && \
    defined(__AVX512DQ__) && defined(__AVX512VNNI__) && defined(__F16C__) && defined(__GNUC__)
#define HOSHI_PREPARED 1

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // from the intrinsics of GCC 12
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

#define HOSHI_INLINE static inline __attribute__((always_inline))
#define HOSHI_UNROLL _Pragma("GCC unroll 16")

namespace hoshi::prepared {

constexpr int LANES = 16;    // rows of weights in a strip
constexpr int TOKENS = 8;    // whose sums are held in registers at once
constexpr int PARTS = 8;     // vectors of weights at work at once: 4 values of each row in each
constexpr int LINE = 64;     // bytes of a vector, and of a line of the caches
constexpr int SUMMED = 8;    // steps that are added up by themselves: long sums round less so
constexpr int TOGETHER = 64; // tokens that go through a strip while it is near

/* ---------------------------------------------------------------- blocks as they are in the file */

struct Block8_0 {
    uint16_t d;
    int8_t qs[32];
};
struct Block4_0 {
    uint16_t d;
    uint8_t qs[16];
};
struct Block4_K {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qs[128];
};
struct Block5_K {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
};
struct Block6_K {
    uint8_t ql[128], qh[64];
    int8_t scales[16];
    uint16_t d;
};
static_assert(sizeof(Block8_0) == 34 && sizeof(Block4_0) == 18 && sizeof(Block4_K) == 144);
static_assert(sizeof(Block5_K) == 176 && sizeof(Block6_K) == 210);

/* ------------------------------------------------------------------------------- small utilities */

HOSHI_INLINE uint32_t four(const void * from) {
    uint32_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
}
HOSHI_INLINE void put(uint8_t * to, uint32_t word) { std::memcpy(to, &word, sizeof word); }
HOSHI_INLINE __m512i line(const uint8_t * from) { return _mm512_load_si512(from); }
HOSHI_INLINE __m512i everywhere(const void * from) {
    return _mm512_set1_epi32(static_cast<int32_t>(four(from)));
}
HOSHI_INLINE __m512 halves(const uint8_t * from) {
    return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i *>(from)));
}
HOSHI_INLINE __m128i bytes(const uint8_t * from) {
    return _mm_load_si128(reinterpret_cast<const __m128i *>(from));
}

constexpr int SOON = 2048; // bytes ahead that are fetched into the first cache

template <bool YES> HOSHI_INLINE void fetch(const uint8_t * at) {
    if (YES) {
        _mm_prefetch(reinterpret_cast<const char *>(at) + SOON, _MM_HINT_T0);
    }
}

/* What is fetched into the second cache meanwhile: so many lines a step, from `next`. */
struct Ahead {
    const uint8_t * next;
    int lines;
};

HOSHI_INLINE void fetch(Ahead & ahead) {
    for (int i = 0; i < ahead.lines; i++, ahead.next += LINE) {
        _mm_prefetch(reinterpret_cast<const char *>(ahead.next), _MM_HINT_T1);
    }
}

/* -------------------------------------------------------------------------------- tokens' blocks */

/* 32 values. */
struct Token32 {
    int8_t values[32];
    int32_t offset; // what raised weights add, negated
    float scale;
};
/* 256 values, for weights that have mins. */
struct TokenK {
    int8_t values[256];
    int16_t sums[8]; // of 32 values each
    float scale;
    int32_t unused[3];
};
/* 256 values, for weights that are raised by 32. */
struct Token6 {
    int8_t values[256];
    int32_t offsets[16]; // what that adds to 16 values each, negated
    float scale;
    int32_t unused[3];
};

inline int32_t sum_of(__m256i values) {
    const __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), values);
    return _mm512_reduce_add_epi32(_mm512_zextsi256_si512(sums));
}

/* As ggml's quantize_row_q8_0 has it; weights are raised by `raised`. */
inline void quantise(Token32 & token, const float * x, int raised) {
    const __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
    const float most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    const __m512 inverse = _mm512_set1_ps(most != 0.0f ? 127.0f / most : 0.0f);
    const __m256i values = _mm256_set_m128i(
        _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(high, inverse))),
        _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(low, inverse))));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(token.values), values);
    token.offset = -raised * sum_of(values);
    token.scale = _cvtsh_ss(_cvtss_sh(most / 127.0f, _MM_FROUND_TO_NEAREST_INT));
}

/* As ggml's quantize_row_q8_K has it: `values`, and the scale. The value farthest from zero, the first
 * of them, becomes -127. */
inline float quantise(int8_t values[256], const float * x) {
    __m512 most = _mm512_setzero_ps();
    for (int i = 0; i < 16; i++) {
        most = _mm512_max_ps(_mm512_abs_ps(_mm512_loadu_ps(x + 16 * i)), most);
    }
    const float farthest = _mm512_reduce_max_ps(most);
    if (farthest == 0.0f) {
        std::memset(values, 0, 256);
        return 0.0f;
    }
    int first = 0;
    for (int i = 0; i < 16; i++) {
        const __m512 size = _mm512_abs_ps(_mm512_loadu_ps(x + 16 * i));
        const __mmask16 found = _mm512_cmpeq_ps_mask(size, _mm512_set1_ps(farthest));
        if (found) {
            first = 16 * i + __builtin_ctz(found);
            break;
        }
    }
    const float inverse = -127.0f / x[first];
    for (int i = 0; i < 16; i++) {
        const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * i), _mm512_set1_ps(inverse));
        _mm_storeu_si128(reinterpret_cast<__m128i *>(values + 16 * i),
                         _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(scaled)));
    }
    return 1.0f / inverse;
}

inline __m256i values_of(const int8_t * from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
}

inline void quantise(TokenK & token, const float * x) {
    token.scale = quantise(token.values, x);
    for (int j = 0; j < 8; j++) {
        token.sums[j] = static_cast<int16_t>(sum_of(values_of(token.values + 32 * j)));
    }
}

inline void quantise(Token6 & token, const float * x) {
    token.scale = quantise(token.values, x);
    for (int j = 0; j < 16; j++) {
        const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i *>(token.values + 16 * j));
        token.offsets[j] = -32 * sum_of(_mm256_zextsi128_si256(half));
    }
}

/* ------------------------------------------------------------------------------ kinds of weights */

/* What each of them has:
 *   Block, COLUMNS   its blocks in the file, and how many values one holds
 *   Token            a token's block of as many values
 *   BLOCKS, BYTES    of a step of a strip: blocks of each row, bytes as prepared
 *   UNFETCHED        up to so many tokens the processor fetches better by itself
 *   place            a block of a row, the `b`-th of the step, into the step
 *   weights          PARTS vectors of the step, as the kernel uses them */

/* The scales, 16 halves a block, in the first line; then a block's 8 lines, values raised by 128. */
struct Q8_0 {
    using Block = Block8_0;
    using Token = Token32;
    static constexpr int COLUMNS = 32, BLOCKS = 2, BYTES = 17 * LINE, UNFETCHED = 1;

    static void place(uint8_t * step, int row, const Block & block, int b) {
        std::memcpy(step + 32 * b + 2 * row, &block.d, 2);
        for (int p = 0; p < 8; p++) {
            put(step + LINE * (1 + 8 * b + p) + 4 * row, four(block.qs + 4 * p) ^ 0x80808080u);
        }
    }
    static void quantise_block(Token & token, const float * x) { quantise(token, x, 128); }

    template <bool FETCH> HOSHI_INLINE void weights(__m512i part[PARTS], const uint8_t * step, int b) {
        HOSHI_UNROLL
        for (int p = 0; p < PARTS; p++) {
            const uint8_t * at = step + LINE * (1 + 8 * b + p);
            fetch<FETCH>(at);
            part[p] = line(at);
        }
    }
};

HOSHI_INLINE __m512i low_nibbles(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
HOSHI_INLINE __m512i high_nibbles(__m512i v) { return low_nibbles(_mm512_srli_epi16(v, 4)); }

/* The scales in the first line; then a block's 4 lines, line p with part p low and part p + 4 high: as
 * the file has it. Values are raised by 8. */
struct Q4_0 {
    using Block = Block4_0;
    using Token = Token32;
    static constexpr int COLUMNS = 32, BLOCKS = 2, BYTES = 9 * LINE, UNFETCHED = 1;

    static void place(uint8_t * step, int row, const Block & block, int b) {
        std::memcpy(step + 32 * b + 2 * row, &block.d, 2);
        for (int p = 0; p < 4; p++) {
            put(step + LINE * (1 + 4 * b + p) + 4 * row, four(block.qs + 4 * p));
        }
    }
    static void quantise_block(Token & token, const float * x) { quantise(token, x, 8); }

    template <bool FETCH> HOSHI_INLINE void weights(__m512i part[PARTS], const uint8_t * step, int b) {
        HOSHI_UNROLL
        for (int p = 0; p < 4; p++) {
            const uint8_t * at = step + LINE * (1 + 4 * b + p);
            fetch<FETCH>(at);
            const __m512i both = line(at);
            part[p] = low_nibbles(both);
            part[p + 4] = high_nibbles(both);
        }
    }
};

/* Scale and min of the j-th of 8 sub-blocks: 6 bits each, in 12 bytes. */
inline uint8_t scale_of(const uint8_t * s, int j) {
    return j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
}
inline uint8_t min_of(const uint8_t * s, int j) {
    return j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
}

/* A sub-block's 4 lines of nibbles as in Q4_0, and in Q5_K one with the fifth bits, those of part p in
 * bit p. Behind the 8 sub-blocks: their scales, a byte each; their mins, two sub-blocks side by side;
 * the scales of scales and of mins, as halves. */
template <typename FileBlock, bool FIVE> struct Q45_K {
    using Block = FileBlock;
    using Token = TokenK;
    static constexpr int LINES = FIVE ? 5 : 4; // of a sub-block
    static constexpr int SCALES = 8 * LINES * LINE, MINS = SCALES + 128, HALVES = MINS + 128;
    static constexpr int COLUMNS = 256, BLOCKS = 1, BYTES = HALVES + 64, UNFETCHED = FIVE ? 0 : 1;

    static void place(uint8_t * step, int row, const Block & block, int) {
        for (int j = 0; j < 8; j++) {
            const uint8_t * from = block.qs + 32 * (j / 2);
            const int shift = j % 2 * 4;
            uint8_t * to = step + LINE * LINES * j + 4 * row;
            for (int p = 0; p < 4; p++) {
                put(to + LINE * p, (four(from + 4 * p) >> shift & 0x0f0f0f0fu) |
                                       (four(from + 16 + 4 * p) >> shift & 0x0f0f0f0fu) << 4);
            }
            if constexpr (FIVE) {
                uint32_t bits = 0;
                for (int p = 0; p < 8; p++) {
                    bits |= (four(block.qh + 4 * p) >> j & 0x01010101u) << p;
                }
                put(to + LINE * 4, bits);
            }
            step[SCALES + 16 * j + row] = scale_of(block.scales, j);
            step[MINS + 32 * (j / 2) + 2 * row + j % 2] = min_of(block.scales, j);
        }
        std::memcpy(step + HALVES + 2 * row, &block.d, 2);
        std::memcpy(step + HALVES + 32 + 2 * row, &block.dmin, 2);
    }
    static void quantise_block(Token & token, const float * x) { quantise(token, x); }

    template <bool FETCH> HOSHI_INLINE void weights(__m512i part[PARTS], const uint8_t * step, int j) {
        const uint8_t * at = step + LINE * LINES * j;
        HOSHI_UNROLL
        for (int p = 0; p < 4; p++) {
            fetch<FETCH>(at + LINE * p);
            const __m512i both = line(at + LINE * p);
            part[p] = low_nibbles(both);
            part[p + 4] = high_nibbles(both);
        }
        if constexpr (FIVE) {
            fetch<FETCH>(at + LINE * 4);
            const __m512i bits = line(at + LINE * 4), sixteen = _mm512_set1_epi8(16);
            HOSHI_UNROLL
            for (int p = 0; p < PARTS; p++) {
                const __m512i moved =
                    p < 4 ? _mm512_slli_epi16(bits, 4 - p) : _mm512_srli_epi16(bits, p - 4);
                part[p] = _mm512_or_si512(part[p], _mm512_and_si512(sixteen, moved));
            }
        }
    }
};
using Q4_K = Q45_K<Block4_K, false>;
using Q5_K = Q45_K<Block5_K, true>;

/* Sub-blocks of 16 values, raised by 32, in 3 lines: parts 0 to 2 in the lower 6 bits, and part 3 in
 * the upper 2 of all three. Behind them the sub-blocks' scales, a byte each, and the scales' scales. */
struct Q6_K {
    using Block = Block6_K;
    using Token = Token6;
    static constexpr int SCALES = 16 * 3 * LINE, HALVES = SCALES + 256;
    static constexpr int COLUMNS = 256, BLOCKS = 1, BYTES = HALVES + 64, UNFETCHED = 0;

    static void place(uint8_t * step, int row, const Block & block, int) {
        for (int j = 0; j < 16; j++) {
            uint32_t part[4];
            for (int p = 0; p < 4; p++) {
                part[p] = four_of(block, 16 * j + 4 * p);
            }
            for (int p = 0; p < 3; p++) {
                const uint32_t upper = part[3] >> (4 - 2 * p) & 0x03030303u;
                put(step + LINE * (3 * j + p) + 4 * row, part[p] | upper << 6);
            }
            step[SCALES + 16 * j + row] = static_cast<uint8_t>(block.scales[j]);
        }
        std::memcpy(step + HALVES + 2 * row, &block.d, 2);
        std::memset(step + HALVES + 32, 0, 32);
    }
    /* Values c to c + 3 of a block, 6 bits in a byte each. */
    static uint32_t four_of(const Block & block, int c) {
        const int half = c / 128, group = c % 128 / 32, in = c % 32;
        const uint32_t low = four(block.ql + 64 * half + 32 * (group % 2) + in) >> (group / 2 * 4);
        const uint32_t high = four(block.qh + 32 * half + in) >> (2 * group);
        return (low & 0x0f0f0f0fu) | (high & 0x03030303u) << 4;
    }
    static void quantise_block(Token & token, const float * x) { quantise(token, x); }

    /* Two sub-blocks. */
    template <bool FETCH> HOSHI_INLINE void weights(__m512i part[PARTS], const uint8_t * step, int j) {
        HOSHI_UNROLL
        for (int h = 0; h < 2; h++) {
            const uint8_t * at = step + LINE * 3 * (2 * j + h);
            __m512i upper = _mm512_setzero_si512();
            HOSHI_UNROLL
            for (int p = 0; p < 3; p++) {
                fetch<FETCH>(at + LINE * p);
                const __m512i packed = line(at + LINE * p);
                part[4 * h + p] = _mm512_and_si512(packed, _mm512_set1_epi8(63));
                const __m512i bits = _mm512_set1_epi8(static_cast<char>(3 << (4 - 2 * p)));
                const __m512i moved = _mm512_srli_epi16(packed, 2 + 2 * p);
                upper = _mm512_or_si512(upper, _mm512_and_si512(moved, bits));
            }
            part[4 * h + 3] = upper;
        }
    }
};

/* --------------------------------------------------------------------------------------- kernels */

/* `parts` of weights times as many fours of a token's values, added to `sum`. */
template <int COUNT>
HOSHI_INLINE __m512i dot(__m512i sum, const __m512i * parts, const int8_t * values) {
    HOSHI_UNROLL
    for (int p = 0; p < COUNT; p++) {
        sum = _mm512_dpbusd_epi32(sum, parts[p], everywhere(values + 4 * p));
    }
    return sum;
}

/* A step by N tokens, added to their totals. */
template <class W, int N, bool FETCH>
HOSHI_INLINE void add_step(__m512 total[N], const uint8_t * step, const Token32 * token) {
    fetch<FETCH>(step);
    HOSHI_UNROLL
    for (int b = 0; b < W::BLOCKS; b++, token += N) {
        __m512i parts[PARTS];
        W::template weights<FETCH>(parts, step, b);
        const __m512 scales = halves(step + 32 * b);
        HOSHI_UNROLL
        for (int t = 0; t < N; t++) {
            const __m512i sum = dot<PARTS>(everywhere(&token[t].offset), parts, token[t].values);
            const __m512 scale = _mm512_mul_ps(scales, _mm512_castsi512_ps(everywhere(&token[t].scale)));
            total[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, total[t]);
        }
    }
}

template <class W, int N, bool FETCH>
HOSHI_INLINE void add_step(__m512 total[N], const uint8_t * step, const TokenK * token) {
    __m512i sum[N];
    HOSHI_UNROLL
    for (int t = 0; t < N; t++) {
        sum[t] = _mm512_setzero_si512();
    }
    for (int i = W::SCALES; i < W::BYTES; i += LINE) {
        fetch<FETCH>(step + i);
    }
    for (int j = 0; j < 8; j++) {
        __m512i parts[PARTS];
        W::template weights<FETCH>(parts, step, j);
        const __m512i scales = _mm512_cvtepu8_epi32(bytes(step + W::SCALES + 16 * j));
        HOSHI_UNROLL
        for (int t = 0; t < N; t++) {
            const __m512i some = dot<PARTS>(_mm512_setzero_si512(), parts, token[t].values + 32 * j);
            sum[t] = _mm512_add_epi32(sum[t], _mm512_mullo_epi32(some, scales));
        }
    }
    __m512i mins[4];
    HOSHI_UNROLL
    for (int k = 0; k < 4; k++) {
        const auto * at = reinterpret_cast<const __m256i *>(step + W::MINS + 32 * k);
        mins[k] = _mm512_cvtepu8_epi16(_mm256_load_si256(at));
    }
    const __m512 d = halves(step + W::HALVES), dmin = halves(step + W::HALVES + 32);
    HOSHI_UNROLL
    for (int t = 0; t < N; t++) {
        __m512i less = _mm512_setzero_si512();
        HOSHI_UNROLL
        for (int k = 0; k < 4; k++) {
            less = _mm512_dpwssd_epi32(less, mins[k], everywhere(token[t].sums + 2 * k));
        }
        const __m512 product = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(less), dmin,
                                                _mm512_mul_ps(_mm512_cvtepi32_ps(sum[t]), d));
        const __m512 scale = _mm512_castsi512_ps(everywhere(&token[t].scale));
        total[t] = _mm512_fmadd_ps(product, scale, total[t]);
    }
}

template <class W, int N, bool FETCH>
HOSHI_INLINE void add_step(__m512 total[N], const uint8_t * step, const Token6 * token) {
    __m512i sum[N];
    HOSHI_UNROLL
    for (int t = 0; t < N; t++) {
        sum[t] = _mm512_setzero_si512();
    }
    for (int i = W::SCALES; i < W::BYTES; i += LINE) {
        fetch<FETCH>(step + i);
    }
    for (int j = 0; j < 8; j++) {
        __m512i parts[PARTS];
        W::template weights<FETCH>(parts, step, j);
        const __m512i first = _mm512_cvtepi8_epi32(bytes(step + W::SCALES + 32 * j));
        const __m512i second = _mm512_cvtepi8_epi32(bytes(step + W::SCALES + 32 * j + 16));
        HOSHI_UNROLL
        for (int t = 0; t < N; t++) {
            const int8_t * values = token[t].values + 32 * j;
            const __m512i v = dot<4>(everywhere(token[t].offsets + 2 * j), parts, values);
            const __m512i u = dot<4>(everywhere(token[t].offsets + 2 * j + 1), parts + 4, values + 16);
            sum[t] = _mm512_add_epi32(sum[t], _mm512_mullo_epi32(v, first));
            sum[t] = _mm512_add_epi32(sum[t], _mm512_mullo_epi32(u, second));
        }
    }
    const __m512 d = halves(step + W::HALVES);
    HOSHI_UNROLL
    for (int t = 0; t < N; t++) {
        const __m512 scale = _mm512_castsi512_ps(everywhere(&token[t].scale));
        const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[t]), d);
        total[t] = _mm512_fmadd_ps(product, scale, total[t]);
    }
}

/* Where results go: of a token behind the other, `stride` floats apart, of a strip those of `rows`. */
struct Results {
    float * first;
    int64_t stride;
    __mmask16 rows;
};

template <class W, int N>
void multiply(const uint8_t * strip, const typename W::Token * token, int64_t steps, Results results,
              Ahead ahead) {
    constexpr bool FETCH = N > W::UNFETCHED;
    __m512 total[N], some[N];
    HOSHI_UNROLL
    for (int t = 0; t < N; t++) {
        total[t] = _mm512_setzero_ps();
    }
    for (int64_t l = 0; l < steps; l += SUMMED) {
        HOSHI_UNROLL
        for (int t = 0; t < N; t++) {
            some[t] = _mm512_setzero_ps();
        }
        const int64_t end = std::min(steps, l + SUMMED);
        for (int64_t i = l; i < end; i++, strip += W::BYTES, token += N * W::BLOCKS) {
            if (FETCH) {
                fetch(ahead);
            }
            add_step<W, N, FETCH>(some, strip, token);
        }
        HOSHI_UNROLL
        for (int t = 0; t < N; t++) {
            total[t] = _mm512_add_ps(total[t], some[t]);
        }
    }
    HOSHI_UNROLL
    for (int t = 0; t < N; t++) {
        _mm512_mask_storeu_ps(results.first + t * results.stride, results.rows, total[t]);
    }
}

template <class W, int N, typename... Rest> void multiply_n(int64_t n, const Rest &... rest) {
    if (n == N) {
        multiply<W, N>(rest...);
    } else if constexpr (N > 1) {
        multiply_n<W, N - 1>(n, rest...);
    }
}

/* ---------------------------------------------------------------------------------- whole matrices */

inline int64_t rounded_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

/* A matrix of `rows` x `columns`, prepared, and its product with the tokens of a batch. Columns are a
 * multiple of W::COLUMNS; all else may be any number. */
template <class W> struct Matrix {
    using Block = typename W::Block;
    using Token = typename W::Token;

    int64_t rows, columns;

    int64_t strips() const { return rounded_up(rows, LANES); }
    int64_t blocks() const { return columns / W::COLUMNS; } // of a row
    int64_t steps() const { return rounded_up(blocks(), W::BLOCKS); }
    size_t strip_size() const { return static_cast<size_t>(steps()) * W::BYTES; }
    size_t size() const { return static_cast<size_t>(strips()) * strip_size(); }

    /* One strip as the kernels want it, aligned to LINE, from the file's `weights`. */
    void prepare(uint8_t * strip, const Block * weights, int64_t index) const {
        const int64_t first = index * LANES, count = std::min<int64_t>(LANES, rows - first);
        for (int64_t l = 0; l < steps(); l++, strip += W::BYTES) {
            const int64_t here = std::min<int64_t>(W::BLOCKS, blocks() - l * W::BLOCKS);
            if (count < LANES || here < W::BLOCKS) {
                std::memset(strip, 0, W::BYTES);
            }
            for (int i = 0; i < count; i++) {
                const Block * block = weights + (first + i) * blocks() + l * W::BLOCKS;
                for (int b = 0; b < here; b++) {
                    W::place(strip, i, block[b], b);
                }
            }
        }
    }

    /* Bytes of n packed tokens. */
    size_t packed_size(int64_t n) const {
        return static_cast<size_t>(n) * steps() * W::BLOCKS * sizeof(Token);
    }

    /* Packs a share of n tokens, whose values begin at row(j): in groups of TOKENS, block by block. */
    template <typename Row>
    void pack(Token * packed, int64_t n, const Row & row, int64_t thread, int64_t threads) const {
        const int64_t there = blocks(), all = steps() * W::BLOCKS;
        for (int64_t at = n * all * thread / threads; at < n * all * (thread + 1) / threads; at++) {
            const int64_t j = at / all, b = at % all, group = j / TOKENS * TOKENS;
            const int64_t width = std::min<int64_t>(TOKENS, n - group);
            Token & token = packed[group * all + b * width + j - group];
            if (b < there) {
                W::quantise_block(token, row(j) + b * W::COLUMNS);
            } else {
                token = Token{};
            }
        }
    }

    /* result[j][i] = row i · token j, for the rows of strips `from` to `to`; tokens are `stride` floats
     * apart. `stopped()` is asked now and then whether the result is still wanted. */
    template <typename Stopped>
    void product(const uint8_t * weights, const Token * packed, int64_t n, float * result, int64_t stride,
                 int64_t from, int64_t to, const Stopped & stopped) const {
        const int64_t all = steps() * W::BLOCKS;
        for (int64_t some = 0; some < n; some += TOGETHER) {
            const int64_t end = std::min(n, some + TOGETHER);
            for (int64_t s = from; s < to && !stopped(); s++) {
                const uint8_t * strip = weights + s * strip_size();
                const int64_t left = rows - s * LANES;
                const __mmask16 mask = left >= LANES ? 0xffff : static_cast<__mmask16>((1 << left) - 1);
                for (int64_t j = some; j < end; j += TOKENS) {
                    const Results results{result + j * stride + s * LANES, stride, mask};
                    multiply_n<W, TOKENS>(std::min<int64_t>(TOKENS, end - j), strip, packed + j * all,
                                          steps(), results, ahead(weights, s, j - some, end - some));
                }
            }
        }
    }

  private:
    static constexpr size_t NEAR = 1 << 15; // how far ahead a single group fetches

    /* A strip is fetched while the one before it is used, each group of `n` tokens a share; a lone group
     * would fetch too early, and looks less far ahead. */
    Ahead ahead(const uint8_t * weights, int64_t strip, int64_t token, int64_t n) const {
        const int64_t groups = rounded_up(n, TOKENS);
        const int lines = static_cast<int>(rounded_up(W::BYTES / LINE, groups));
        const size_t far = groups == 1 ? std::min(strip_size(), NEAR) : strip_size();
        const size_t next = strip * strip_size() + far + token / TOKENS * lines * LINE * steps();
        return Ahead{weights + std::min(next, size()), next < size() ? lines : 0};
    }
};

} // namespace hoshi::prepared

#undef HOSHI_INLINE
#undef HOSHI_UNROLL

#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif
#endif
