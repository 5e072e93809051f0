/* A fast exp for softmaxes. */
#ifndef HOSHI_EXPONENTIAL_H
#define HOSHI_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* Reserved for "no such logit": below it, exp() is zero for every purpose here. */
static const float LOWEST = -87.0f;

/* exp(x) for x <= 0, to 2 ulp. Written so that the compiler turns a loop of it into vector code:
 * round to a multiple of ln 2 by adding a large constant, then a polynomial on the remainder. */
static inline float exp_nonpositive(float x) {
    const float rounder = 12582912.0f;
    x = x > LOWEST ? x : LOWEST;
    float shifted = x * 1.44269504f + rounder;
    float n = shifted - rounder;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t exponent = ((int32_t) n + 127) << 23;
    float scale;
    memcpy(&scale, &exponent, sizeof scale);
    return p * scale;
}

#endif
