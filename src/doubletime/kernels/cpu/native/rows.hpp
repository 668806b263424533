// What is done with one row of activations at a time.
#pragma once
#include <cmath>

#include "abi.hpp"
#include "simd/level.hpp"

namespace dt::DT_LEVEL {

inline float sum_of_squares(const float* x, int width) {
    V total = zero();
    int i = 0;
    for (; i + LANES <= width; i += LANES) {
        V own = load(x + i);
        total = fma(own, own, total);
    }
    if (i < width) {
        V own = load_n(x + i, width - i);
        total = fma(own, own, total);
    }
    return sum(total);
}

// Root mean square norm (Zhang and Sennrich 2019): x / sqrt(mean(x²) + eps) × weight. `out` may be x.
inline void rms_norm(const Norm& norm, const float* x, int width, float* out) {
    const V factor = set1(1.0f / std::sqrt(sum_of_squares(x, width) / float(width) + norm.eps));
    int i = 0;
    for (; i + LANES <= width; i += LANES) store(out + i, load(x + i) * factor * load(norm.weight + i));
    if (int rest = width - i; rest > 0) {
        store_n(out + i, load_n(x + i, rest) * factor * load_n(norm.weight + i, rest), rest);
    }
}

inline V silu(V x) { return x / (set1(1.0f) + exp(zero() - x)); }

// 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), with tanh(u) = 1 − 2 / (1 + e²ᵘ) (Hendrycks and Gimpel 2016)
inline V gelu_tanh(V x) {
    V u = set1(0.7978845608028654f) * fma(x * x * x, set1(0.044715f), x);
    V tanh = set1(1.0f) - set1(2.0f) / (set1(1.0f) + exp(u + u));
    return set1(0.5f) * x * (set1(1.0f) + tanh);
}

inline V activate(Activation kind, V x) { return kind == SILU ? silu(x) : gelu_tanh(x); }

}  // namespace dt::DT_LEVEL
