// Products of 8 and 4 bit weights and int8 activations, four along k at a time (AVX512_VNNI).
//
// vpdpbusd wants one unsigned factor: the codes, as they are stored. Their offset of 128 or 8 is taken away by what the
// sum of a block starts from. Within a block all is integers, and exact; blocks are summed up as floats, in order.
#pragma once
#include "linear/panel.hpp"

namespace dt::DT_LEVEL {

// BLOCK: activations that share a scale. SCALED: groups have scales (and, with MINS, mins) of their own.
template <int KIND, int BLOCK, bool SCALED, bool MINS>
struct Vnni {
    static constexpr int MOST = 6;

    template <int ROWS>
    static void run(const Panel& p) {
        __m512 total[ROWS][2];
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            total[m][0] = _mm512_loadu_ps(p.sums + m * STRIP);
            total[m][1] = _mm512_loadu_ps(p.sums + m * STRIP + 16);
        }
        const uint8_t *weights = p.weights, *x = p.x, *ahead = p.ahead;
        for (int g = 0; g < p.groups; g++) {
            const uint8_t* header = weights;
            weights += SCALED ? (MINS ? 128 : 64) : 0;
            for (int b = 0; b < p.blocks; b++) {
                ahead = fetch(ahead, p.lines);
                block<ROWS>(header, weights, x, p.x_stride, total);
                weights += STRIP * BLOCK * (KIND == Q8 ? 2 : 1) / 2;
                x += BLOCK + 8;
            }
        }
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            _mm512_storeu_ps(p.sums + m * STRIP, total[m][0]);
            _mm512_storeu_ps(p.sums + m * STRIP + 16, total[m][1]);
        }
    }

  private:
    static __m512 half(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p)); }
    static __m512 word(const uint8_t* p) { return _mm512_set1_ps(*(const float*)p); }

    template <int ROWS>
    static inline __attribute__((always_inline)) void block(const uint8_t* header, const uint8_t* weights,
                                                            const uint8_t* x, int64_t stride,
                                                            __m512 (&total)[ROWS][2]) {
        __m512i sum[ROWS][2];
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            const auto* start = (const int32_t*)(x + m * stride + BLOCK + 4);  // see prepare.hpp
            sum[m][0] = sum[m][1] = MINS ? _mm512_setzero_si512() : _mm512_set1_epi32(*start);
        }
        constexpr int STEPS = BLOCK / (KIND == Q8 ? 4 : 8);
#pragma GCC unroll 8
        for (int k = 0; k < STEPS; k++) step<ROWS>(weights + 128 * k, x + k * (KIND == Q8 ? 4 : 8), stride, sum);
        const __m512 scale[2] = {SCALED ? half(header) : __m512{}, SCALED ? half(header + 32) : __m512{}};
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            const __m512 own = word(x + m * stride + BLOCK);
#pragma GCC unroll 2
            for (int j = 0; j < 2; j++) {
                __m512 factor = SCALED ? scale[j] * own : own;
                total[m][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[m][j]), factor, total[m][j]);
            }
        }
        if constexpr (MINS) {
            const __m512 low[2] = {half(header + 64), half(header + 96)};
#pragma GCC unroll 6
            for (int m = 0; m < ROWS; m++) {
                const __m512 own = word(x + m * stride + BLOCK + 4);
                total[m][0] = _mm512_fnmadd_ps(low[0], own, total[m][0]);
                total[m][1] = _mm512_fnmadd_ps(low[1], own, total[m][1]);
            }
        }
    }

    // 128 bytes of codes: 4 along k of 32 rows at 8 bits, 8 along k at 4.
    template <int ROWS>
    static inline __attribute__((always_inline)) void step(const uint8_t* weights, const uint8_t* x, int64_t stride,
                                                           __m512i (&sum)[ROWS][2]) {
        const __m512i w0 = _mm512_loadu_si512(weights), w1 = _mm512_loadu_si512(weights + 64);
        if constexpr (KIND == Q8) {
            add<ROWS>(w0, w1, x, stride, sum);
        } else {
            const __m512i low = _mm512_set1_epi8(15);
            add<ROWS>(_mm512_and_si512(w0, low), _mm512_and_si512(w1, low), x, stride, sum);
            add<ROWS>(_mm512_and_si512(_mm512_srli_epi16(w0, 4), low), _mm512_and_si512(_mm512_srli_epi16(w1, 4), low),
                      x + 4, stride, sum);
        }
    }

    template <int ROWS>
    static inline __attribute__((always_inline)) void add(__m512i w0, __m512i w1, const uint8_t* x, int64_t stride,
                                                          __m512i (&sum)[ROWS][2]) {
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            const __m512i own = _mm512_set1_epi32(*(const int32_t*)(x + m * stride));
            sum[m][0] = _mm512_dpbusd_epi32(sum[m][0], w0, own);
            sum[m][1] = _mm512_dpbusd_epi32(sum[m][1], w1, own);
        }
    }
};

}  // namespace dt::DT_LEVEL
