// Products of bfloat16 weights and activations rounded to bfloat16, two along k at a time (AVX512_BF16).
#pragma once
#include "linear/panel.hpp"

namespace dt::DT_LEVEL {

struct DotBF16 {
    static constexpr int MOST = 12, BLOCK = 16;

    template <int ROWS>
    static void run(const Panel& p) {
        __m512 total[ROWS][2];
#pragma GCC unroll 12
        for (int m = 0; m < ROWS; m++) {
            total[m][0] = _mm512_loadu_ps(p.sums + m * STRIP);
            total[m][1] = _mm512_loadu_ps(p.sums + m * STRIP + 16);
        }
        const uint8_t *weights = p.weights, *x = p.x, *ahead = p.ahead;
        for (int g = 0; g < p.groups; g++) {
            ahead = fetch(ahead, p.lines);
#pragma GCC unroll 8
            for (int k = 0; k < BLOCK / 2; k++) {
                const auto w0 = (__m512bh)_mm512_loadu_si512(weights + 128 * k);
                const auto w1 = (__m512bh)_mm512_loadu_si512(weights + 128 * k + 64);
#pragma GCC unroll 12
                for (int m = 0; m < ROWS; m++) {
                    const auto own = (__m512bh)_mm512_set1_epi32(((const int32_t*)(x + m * p.x_stride))[k]);
                    total[m][0] = _mm512_dpbf16_ps(total[m][0], w0, own);
                    total[m][1] = _mm512_dpbf16_ps(total[m][1], w1, own);
                }
            }
            weights += BLOCK * STRIP * 2;
            x += BLOCK * 2;
        }
#pragma GCC unroll 12
        for (int m = 0; m < ROWS; m++) {
            _mm512_storeu_ps(p.sums + m * STRIP, total[m][0]);
            _mm512_storeu_ps(p.sums + m * STRIP + 16, total[m][1]);
        }
    }
};

}  // namespace dt::DT_LEVEL
