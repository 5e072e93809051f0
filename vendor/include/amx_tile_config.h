/*
 * Force-included into llama.cpp's C++ sources.
 *
 * GCC 12's _tile_loadconfig tells the optimiser that it reads 8 bytes of the 64-byte tile
 * configuration; the stores of the other 56 are dropped, and the first matrix product on a
 * processor with AMX dies. Here the instruction reads all 64. Upstream: ggml-org/llama.cpp pull
 * request 26954.
 */
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#undef _tile_loadconfig
#define _tile_loadconfig(config) \
    __asm__ volatile("ldtilecfg\t%0" : : "m"(*(const char(*)[64])(config)) : "memory")
#endif
