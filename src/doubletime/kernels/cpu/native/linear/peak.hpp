// The most arithmetic that this level's instructions do in registers: what benchmarks hold the products against.
#pragma once
#include "linear/layout.hpp"

namespace dt::DT_LEVEL {

constexpr int PEAK_CHAINS = 6;  // independent sums of 16 numbers: enough to hide the latency, few enough for registers
constexpr int PEAK_STEPS = 1024;

#if defined(DT_LEVEL_AVX512)

template <int KIND>
inline void peak_loop(__m512i x) {
    __m512i sums[2 * PEAK_CHAINS] = {};
    for (int step = 0; step < PEAK_STEPS; step++) {
#pragma GCC unroll 12
        for (auto& sum : sums) {
            if (KIND == BF16) {
                sum = (__m512i)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)x);
            } else if (KIND == Q8) {
                sum = _mm512_dpbusd_epi32(sum, x, x);
            } else {
                sum = (__m512i)_mm512_fmadd_ps((__m512)x, (__m512)x, (__m512)sum);
            }
            asm volatile("" : "+v"(sum));  // or the compiler finds that all chains are one
        }
    }
}

// Runs the instructions that products of this kind are made of, and returns how many operations that was: two for each
// multiplication with its addition.
inline int64_t peak(int kind) {
    constexpr int64_t instructions = 2 * PEAK_CHAINS * PEAK_STEPS, lanes = 2 * 16 * instructions;
    const __m512i x = _mm512_setzero_si512();
    if (kind == BF16) return peak_loop<BF16>(x), 2 * lanes;
    if (kind == Q8 || kind == Q4) return peak_loop<Q8>(x), 4 * lanes;
    return peak_loop<F32>(x), lanes;
}

#elif defined(DT_LEVEL_AVX2)

template <int KIND>
inline void peak_loop(__m256i x) {
    __m256i sums[2 * PEAK_CHAINS];
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_setzero_si256();
    for (int step = 0; step < PEAK_STEPS; step++) {
#pragma GCC unroll 12
        for (auto& sum : sums) {
            asm volatile("" : "+x"(x), "+x"(sum));  // or the compiler finds that all chains are one
            if (KIND == Q8) {
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x, x));
            } else if (KIND == Q4) {
                sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, x));
            } else {
                sum = (__m256i)_mm256_fmadd_ps((__m256)x, (__m256)x, (__m256)sum);
            }
        }
    }
#pragma GCC unroll 12
    for (auto& sum : sums) asm volatile("" ::"x"(sum));
}

inline int64_t peak(int kind) {
    constexpr int64_t instructions = 2 * PEAK_CHAINS * PEAK_STEPS, lanes = 2 * 8 * instructions;
    const __m256i x = _mm256_setzero_si256();
    if (kind == Q8) return peak_loop<Q8>(x), 2 * lanes;
    if (kind == Q4) return peak_loop<Q4>(x), 4 * lanes;
    return peak_loop<F32>(x), lanes;
}

#else

inline int64_t peak(int) {
    V sums[PEAK_CHAINS];
    volatile float source = 0.5f;
    const V x = set1(source);
    for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = set1(source * float(i));
    for (int step = 0; step < PEAK_STEPS; step++)
        for (auto& sum : sums) sum = fma(x, x, sum);
    float whole = 0.0f;
    for (auto& each : sums) whole += sum(each);
    source = whole;
    return int64_t(2) * 16 * PEAK_CHAINS * PEAK_STEPS;
}

#endif

// Reads memory from end to end as products do, and returns something that depends on all of it.
inline float read(const float* data, int64_t count) {
    V sums[4] = {zero(), zero(), zero(), zero()};
    constexpr int64_t AHEAD = 1024;
    for (int64_t i = 0; i + 64 <= count; i += 64) {
        for (int j = 0; j < 4; j++) {
            __builtin_prefetch(data + i + 16 * j + AHEAD, 0, 2);
            sums[j] = sums[j] + load(data + i + 16 * j);
        }
    }
    return sum(sums[0] + sums[1] + (sums[2] + sums[3]));
}

}  // namespace dt::DT_LEVEL
