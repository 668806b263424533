// The softmax of one row's scores within a partition, and the merging of partitions.
#pragma once
#include <cmath>

#include "attention/table.hpp"
#include "simd/level.hpp"

namespace dt::DT_LEVEL {

// 2ˣ for x ≤ 0 to about one unit in the last place, exactly 1 for 0, and 0 where it is too small: the whole part goes
// to the exponent, the rest through a polynomial that was fitted to the least relative error (2e-9) on [-½, ½].
inline V exp2(V x) {
    V y = max(x, set1(-1000.0f));
    V n = round(y);
    V r = y - n;
    V p = set1(1.535336196e-4f);
    p = fma(p, r, set1(1.339887502e-3f));
    p = fma(p, r, set1(9.618436918e-3f));
    p = fma(p, r, set1(5.550332367e-2f));
    p = fma(p, r, set1(2.402264774e-1f));
    p = fma(p, r, set1(6.931471825e-1f));
    p = fma(p, r, set1(1.0f));
    return scaled(p, n);
}
inline float exp2(float x) { return first(exp2(set1(x))); }

// The hyperbolic tangent: a polynomial near 0 (Cephes, Moshier 1989), otherwise 1 - 2 / (1 + e²ˣ).
inline V tanh(V x) {
    V z = x * x;
    V p = set1(-5.70498872745e-3f);
    p = fma(p, z, set1(2.06390887954e-2f));
    p = fma(p, z, set1(-5.37397155531e-2f));
    p = fma(p, z, set1(1.33314422036e-1f));
    p = fma(p, z, set1(-3.33332819422e-1f));
    V far = set1(1.0f) - set1(2.0f) / (set1(1.0f) + exp(x + x));
    return less(abs(x), set1(0.625f), fma(p * z, x, x), far);
}

inline V lanes() {
    static const float number[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return load(number);
}

// x in lanes [first, last), `other` elsewhere.
inline V within(V x, int first, int last, V other) {
    if (first <= 0 && last >= LANES) return x;
    V lane = lanes();
    return less(lane, set1(float(first)), other, less(lane, set1(float(last)), x, other));
}

// A row of one partition: its scores, the places it looks at, and the scales of keys and values, or null.
struct ScoreRow {
    float* scores;  // becomes weights
    int first, last;
    const float* key_scales;
    const float* value_scales;
    float cap;
};

// Scales, caps and masks the scores; returns the largest.
inline float largest_score(const ScoreRow& row) {
    const bool plain = row.key_scales == nullptr && row.cap == 0.0f;
    V best = set1(-INFINITY);
    for (int at = row.first / LANES * LANES; at < row.last; at += LANES) {
        V score = load(row.scores + at);
        if (!plain || at < row.first || at + LANES > row.last) {
            if (row.key_scales != nullptr) score = score * load(row.key_scales + at);
            if (row.cap != 0.0f) score = set1(row.cap) * tanh(score);
            score = within(score, row.first - at, row.last - at, set1(-INFINITY));
            store(row.scores + at, score);
        }
        best = max(score, best);
    }
    return largest(best);
}

// Scores become weights 2^(score - largest); returns their sum.
inline float weights_of(const ScoreRow& row, float most) {
    V total = zero();
    for (int at = row.first / LANES * LANES; at < row.last; at += LANES) {
        V weight = exp2(load(row.scores + at) - set1(most));
        total = total + weight;
        if (row.value_scales != nullptr) weight = weight * load(row.value_scales + at);
        store(row.scores + at, weight);
    }
    return sum(total);
}

// Where a state keeps its largest score, and after it the sum of its weights.
inline float* summary_of(float* state, int dim) { return state + state_width(dim); }
inline const float* summary_of(const float* state, int dim) { return state + state_width(dim); }

inline void merge(float* state, const float* next, int dim) {
    float* own = summary_of(state, dim);
    const float* other = summary_of(next, dim);
    if (other[0] == -INFINITY) return;
    float most = own[0] > other[0] ? own[0] : other[0];
    bool empty = own[0] == -INFINITY;
    // 2⁰ is 1 exactly: the larger of the two need not be computed.
    float keep = own[0] == most ? 1.0f : empty ? 0.0f : exp2(own[0] - most);
    float take = other[0] == most ? 1.0f : exp2(other[0] - most);
    V keeps = set1(keep), takes = set1(take);
    for (int64_t i = 0; i < state_width(dim); i += LANES) {
        V added = load(next + i) * takes;
        store(state + i, empty ? added : fma(load(state + i), keeps, added));
    }
    own[1] = empty ? other[1] : own[1] * keep + other[1] * take;
    own[0] = most;
}

inline void finish(const float* state, float sink, int dim, float* out) {
    const float* own = summary_of(state, dim);
    float most = own[0] > sink ? own[0] : sink;
    float keep = exp2(own[0] - most);
    float total = own[1] * keep + (sink == -INFINITY ? 0.0f : exp2(sink - most));
    V factor = set1(keep / total);
    int i = 0;
    for (; i + LANES <= dim; i += LANES) store(out + i, load(state + i) * factor);
    if (i < dim) store_n(out + i, load(state + i) * factor, dim - i);
}

}  // namespace dt::DT_LEVEL
