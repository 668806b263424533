// Products of 8 and 4 bit weights and integer activations without VNNI (AVX2).
//
// Q8: codes − 128 and int16 activations, by vpmaddwd. Q4: codes and int8 activations, by vpmaddubsw, whose 16 bit sums
// hold 8 × 2 × 15 × 127 = 30,480 at most: a block of 32 never saturates. Integers are exact within a block; blocks are
// summed up as floats, in order.
#pragma once
#include <type_traits>

#include "linear/panel.hpp"

namespace dt::DT_LEVEL {

struct Sums {
    __m256i a, b;  // of rows 0 … 7 and 8 … 15
};

template <int BLOCK>
struct MaddQ8 {
    static constexpr int X_BYTES = 2 * BLOCK, BYTES = STRIP * BLOCK;

    template <int ROWS>
    static inline __attribute__((always_inline)) void block(const uint8_t* weights, const uint8_t* x, int64_t stride,
                                                            bool, Sums (&sum)[ROWS]) {
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) sum[m] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
#pragma GCC unroll 4
        for (int k = 0; k < BLOCK / 2; k++) {
            auto codes = (const __m128i*)(weights + 32 * k);
            const __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128(codes));
            const __m256i w1 = _mm256_cvtepi8_epi16(_mm_loadu_si128(codes + 1));
#pragma GCC unroll 6
            for (int m = 0; m < ROWS; m++) {
                const __m256i own = _mm256_set1_epi32(((const int32_t*)(x + m * stride))[k]);
                sum[m].a = _mm256_add_epi32(sum[m].a, _mm256_madd_epi16(w0, own));
                sum[m].b = _mm256_add_epi32(sum[m].b, _mm256_madd_epi16(w1, own));
            }
        }
    }
};

struct MaddQ4 {
    static constexpr int X_BYTES = 32, BYTES = STRIP * 16;

    template <int ROWS>
    static inline __attribute__((always_inline)) void block(const uint8_t* weights, const uint8_t* x, int64_t stride,
                                                            bool mins, Sums (&sum)[ROWS]) {
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) sum[m] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        const __m256i low = _mm256_set1_epi8(15);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            const __m256i w0 = _mm256_loadu_si256((const __m256i*)weights + 2 * k);
            const __m256i w1 = _mm256_loadu_si256((const __m256i*)weights + 2 * k + 1);
            add(_mm256_and_si256(w0, low), _mm256_and_si256(w1, low), x + 8 * k, stride, sum);
            add(_mm256_and_si256(_mm256_srli_epi16(w0, 4), low), _mm256_and_si256(_mm256_srli_epi16(w1, 4), low),
                x + 8 * k + 4, stride, sum);
        }
        const __m256i one = _mm256_set1_epi16(1);
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            // What the sum starts from (see prepare.hpp).
            const __m256i start =
                mins ? _mm256_setzero_si256() : _mm256_set1_epi32(*(const int32_t*)(x + m * stride + X_BYTES + 4));
            sum[m].a = _mm256_add_epi32(start, _mm256_madd_epi16(sum[m].a, one));
            sum[m].b = _mm256_add_epi32(start, _mm256_madd_epi16(sum[m].b, one));
        }
    }

  private:
    template <int ROWS>
    static inline __attribute__((always_inline)) void add(__m256i w0, __m256i w1, const uint8_t* x, int64_t stride,
                                                          Sums (&sum)[ROWS]) {
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            const __m256i own = _mm256_set1_epi32(*(const int32_t*)(x + m * stride));
            sum[m].a = _mm256_add_epi16(sum[m].a, _mm256_maddubs_epi16(w0, own));
            sum[m].b = _mm256_add_epi16(sum[m].b, _mm256_maddubs_epi16(w1, own));
            // Keeps GCC from adding in another order, for which it would need many more registers (1.5 times faster).
            asm("" : "+x"(sum[m].a), "+x"(sum[m].b));
        }
    }
};

// SCALED: groups have scales (and, with MINS, mins) of their own.
template <class CODES, bool SCALED, bool MINS>
struct Madd {
    static constexpr int MOST = 6;

    template <int ROWS>
    static void run(const Panel& p) {
        const uint8_t *weights = p.weights, *x = p.x, *ahead = p.ahead;
        for (int g = 0; g < p.groups; g++) {
            auto header = (const uint16_t*)weights;
            weights += SCALED ? (MINS ? 64 : 32) : 0;
            for (int b = 0; b < p.blocks; b++) {
                ahead = fetch(ahead, p.lines);
                Sums sum[ROWS];
                CODES::block(weights, x, p.x_stride, MINS, sum);
                add_up<ROWS>(header, x, p.x_stride, sum, p.sums);
                weights += CODES::BYTES;
                x += CODES::X_BYTES + 8;
            }
        }
    }

  private:
    // Sixteen registers do not hold the integers and the totals of six rows: totals stay in memory.
    template <int ROWS>
    static inline __attribute__((always_inline)) void add_up(const uint16_t* header, const uint8_t* x, int64_t stride,
                                                             const Sums (&sum)[ROWS], float* total) {
        const V scale = SCALED ? load_f16(header) : set1(1.0f);
        const V low = MINS ? lows(header, scale) : zero();
#pragma GCC unroll 6
        for (int m = 0; m < ROWS; m++) {
            auto own = (const float*)(x + m * stride + CODES::X_BYTES);
            const V whole{_mm256_cvtepi32_ps(sum[m].a), _mm256_cvtepi32_ps(sum[m].b)};
            V next = fma(whole, SCALED ? scale * set1(own[0]) : set1(own[0]), load(total + m * STRIP));
            if (MINS) next = next - low * set1(own[1]);
            store(total + m * STRIP, next);
        }
    }

    // Of Q8 the codes are 128 less than they were: so are the mins, in the scale of their group.
    static V lows(const uint16_t* header, V scale) {
        const V mins = load_f16(header + STRIP);
        return std::is_same_v<CODES, MaddQ4> ? mins : mins - scale * set1(128.0f);
    }
};

}  // namespace dt::DT_LEVEL
