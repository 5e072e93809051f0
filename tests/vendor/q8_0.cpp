// The product under test, as a function that Python can call.
#include "q8_0_avx512.h"

struct Block {
    uint16_t d;
    int8_t qs[32];
};

extern "C" int product(int64_t m, int64_t n, int64_t blocks, const void * weights, const void * tokens,
                       float * result, int64_t threads) {
#if defined(HOSHI_Q8_0_AVX512)
    for (int64_t thread = 0; thread < threads; thread++) {
        hoshi::q8_0_product(m, n, blocks, static_cast<const Block *>(weights), blocks,
                            static_cast<const Block *>(tokens), blocks, result, m, thread, threads, [] { return false; });
    }
    return 1;
#else
    (void) m, (void) n, (void) blocks, (void) weights, (void) tokens, (void) result, (void) threads;
    return 0;
#endif
}
