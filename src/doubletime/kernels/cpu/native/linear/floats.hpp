// Products with float weights and float activations: one chain of fused multiplications and additions for each element.
#pragma once
#include "linear/panel.hpp"

namespace dt::DT_LEVEL {

struct AsF32 {
    using T = float;
    static constexpr int BLOCK = 8;
    static V load16(const float* p) { return load(p); }
};

struct AsF16 {
    using T = uint16_t;
    static constexpr int BLOCK = 16;
    static V load16(const uint16_t* p) { return load_f16(p); }
};

struct AsBF16 {
    using T = uint16_t;
    static constexpr int BLOCK = 16;
#if defined(DT_LEVEL_AVX2)
    static V load16(const uint16_t* p) { return load_bf16_woven(p); }
#else
    static V load16(const uint16_t* p) { return load_bf16(p); }
#endif
};

template <class WEIGHT>
struct Floats {
    static constexpr int WIDTH = STRIP / LANES;
    static constexpr int MOST = STRIP == 32 ? 12 : 6;

    template <int ROWS>
    static void run(const Panel& p) {
        V total[ROWS][WIDTH];
#pragma GCC unroll 12
        for (int m = 0; m < ROWS; m++)
#pragma GCC unroll 2
            for (int j = 0; j < WIDTH; j++) total[m][j] = load(p.sums + m * STRIP + j * LANES);
        auto weights = (const typename WEIGHT::T*)p.weights;
        const uint8_t *x = p.x, *ahead = p.ahead;
        for (int g = 0; g < p.groups; g++) {
            ahead = fetch(ahead, p.lines);
#pragma GCC unroll 16
            for (int k = 0; k < WEIGHT::BLOCK; k++) {
                V w[WIDTH];
#pragma GCC unroll 2
                for (int j = 0; j < WIDTH; j++) w[j] = WEIGHT::load16(weights + k * STRIP + j * LANES);
#pragma GCC unroll 12
                for (int m = 0; m < ROWS; m++) {
                    V own = set1(((const float*)(x + m * p.x_stride))[k]);
#pragma GCC unroll 2
                    for (int j = 0; j < WIDTH; j++) total[m][j] = fma(w[j], own, total[m][j]);
                }
            }
            weights += WEIGHT::BLOCK * STRIP;
            x += WEIGHT::BLOCK * sizeof(float);
        }
#pragma GCC unroll 12
        for (int m = 0; m < ROWS; m++)
#pragma GCC unroll 2
            for (int j = 0; j < WIDTH; j++) store(p.sums + m * STRIP + j * LANES, total[m][j]);
    }
};

}  // namespace dt::DT_LEVEL
