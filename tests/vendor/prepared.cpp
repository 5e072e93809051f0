// The products under test, as functions that Python can call.
#include "prepared_avx512.h"

#if defined(HOSHI_PREPARED)
#include <vector>

using namespace hoshi::prepared;

namespace {

struct alignas(LINE) Line {
    uint8_t bytes[LINE];
};

template <class W>
void product(int64_t rows, int64_t n, int64_t columns, const void * weights, const float * tokens,
             float * result, float * quantised, int64_t threads) {
    using Token = typename W::Token;
    const Matrix<W> matrix{rows, columns};
    // Exactly as large as they have to be, so that a step beyond is seen.
    std::vector<Line> prepared(matrix.size() / sizeof(Line));
    std::vector<Token> packed(matrix.packed_size(n) / sizeof(Token));
    auto * bytes = reinterpret_cast<uint8_t *>(prepared.data());
    for (int64_t strip = 0; strip < matrix.strips(); strip++) {
        matrix.prepare(bytes + strip * matrix.strip_size(),
                       static_cast<const typename W::Block *>(weights), strip);
    }
    for (int64_t thread = 0; thread < threads; thread++) {
        matrix.pack(packed.data(), n, [=](int64_t j) { return tokens + j * columns; }, thread, threads);
    }
    for (int64_t thread = 0; thread < threads; thread++) {
        matrix.product(bytes, packed.data(), n, result, rows, matrix.strips() * thread / threads,
                       matrix.strips() * (thread + 1) / threads, [] { return false; });
    }
    for (int64_t j = 0; j < n; j++) {
        for (int64_t b = 0; b < matrix.blocks(); b++) {
            Token token;
            W::quantise_block(token, tokens + j * columns + b * W::COLUMNS);
            for (int64_t c = 0; c < W::COLUMNS; c++) {
                *quantised++ = token.scale * token.values[c];
            }
        }
    }
}

} // namespace
#endif

/* The tokens times the weights of a kind, by its number in ggml, and the tokens as they were quantised.
 * Returns 0 on a processor without these kernels. */
extern "C" int prepared_product(int kind, int64_t rows, int64_t n, int64_t columns, const void * weights,
                                const float * tokens, float * result, float * quantised,
                                int64_t threads) {
#if defined(HOSHI_PREPARED)
    switch (kind) {
        case 2: product<Q4_0>(rows, n, columns, weights, tokens, result, quantised, threads); return 1;
        case 8: product<Q8_0>(rows, n, columns, weights, tokens, result, quantised, threads); return 1;
        case 12: product<Q4_K>(rows, n, columns, weights, tokens, result, quantised, threads); return 1;
        case 13: product<Q5_K>(rows, n, columns, weights, tokens, result, quantised, threads); return 1;
        case 14: product<Q6_K>(rows, n, columns, weights, tokens, result, quantised, threads); return 1;
    }
#else
    (void) kind, (void) rows, (void) n, (void) columns, (void) weights, (void) tokens, (void) result;
    (void) quantised, (void) threads;
#endif
    return 0;
}
