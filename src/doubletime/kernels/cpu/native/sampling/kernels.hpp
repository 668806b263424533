// The table of this level's kernels of sampling.
#pragma once
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "sampling/doubles.hpp"
#include "sampling/table.hpp"

namespace dt::DT_LEVEL {

// Calls f(first, count) for [first, last) in whole vectors, of which the compiler knows the count, and a rest.
template <class F>
inline void each_vector(int first, int last, F f) {
    for (; first + LANES <= last; first += LANES) f(first, std::integral_constant<int, LANES>());
    if (first < last) f(first, last - first);
}

// Sixteen logits; those past the end are -∞.
inline V load_logits(const float* p, int count) {
    if (count == LANES) return load(p);
    float own[LANES];
    for (int i = 0; i < LANES; i++) own[i] = i < count ? p[i] : -INFINITY;
    return load(own);
}

inline float largest_logit(const float* x, int n) {
    V most = set1(-INFINITY);
    each_vector(0, n, [&](int i, auto count) { most = max(load_logits(x + i, count), most); });
    return largest(most);
}

inline int find_logit(const float* x, int n, float value) { return int(std::find(x, x + n, value) - x); }

// exp((logit - largest) / temperature) of sixteen logits.
inline void weights(const View& view, V logits, double* out) {
    float x[LANES];
    store(x, logits);
    const D most = all(double(view.largest)), coldness = all(1.0 / view.temperature);
#pragma GCC unroll 8
    for (int i = 0; i < LANES; i += DOUBLES) store(out + i, exp((widen(x + i) - most) * coldness));
}

inline double weight(const View& view, float logit) {
    double out[LANES];
    weights(view, set1(logit), out);
    return out[0];
}

// The buckets of sixteen logits. Not-a-number goes to the last one.
inline V buckets(const View& view, V logits) {
    V below = (set1(view.largest) - logits) * set1(float(double(BUCKETS_A_NAT) / view.temperature));
    return round(min(below, set1(float(BUCKETS - 1))));
}

constexpr int BLOCK = 128;  // tokens whose weights and buckets are computed before any is added

inline void histogram(const View& view, int first, int last, bool counted, Histogram& out) {
    std::fill_n(out.mass, BUCKETS, 0.0);
    if (counted) std::fill_n(out.count, BUCKETS, 0);
    for (int begin = first; begin < last; begin += BLOCK) {
        const int count = std::min(BLOCK, last - begin);
        double weight[BLOCK];
        float number[BLOCK];
        each_vector(0, count, [&](int i, auto n) {
            V logits = load_logits(view.logits + begin + i, n);
            weights(view, logits, weight + i);
            store(number + i, buckets(view, logits));
        });
        int32_t bucket[BLOCK];
        std::copy_n(number, count, bucket);
        for (int i = 0; i < count; i++) out.mass[bucket[i]] += weight[i];
        if (counted)
            for (int i = 0; i < count; i++) out.count[bucket[i]]++;
    }
}

inline void collect(const View& view, int n, int bucket, std::vector<Token>& out) {
    const V wanted = set1(float(bucket));
    each_vector(0, n, [&](int i, auto count) {
        V own = buckets(view, load_logits(view.logits + i, count));
        if (largest(zero() - abs(own - wanted)) < 0.0f) return;
        float number[LANES];
        store(number, own);
        for (int j = 0; j < count; j++)
            if (int(number[j]) == bucket) out.push_back({view.logits[i + j], i + j});
    });
}

// Sixteen running sums, added from the first to the last.
inline double total(const View& view, int first, int last) {
    double sums[LANES] = {};
    each_vector(first, last, [&](int i, auto count) {
        double weight[LANES];
        weights(view, load_logits(view.logits + i, count), weight);
        for (int j = 0; j < count; j++) sums[j] += weight[j];
    });
    double total = 0.0;
    for (double sum : sums) total += sum;
    return total;
}

inline SamplingKernels sampling_kernels() { return {largest_logit, find_logit, histogram, collect, weight, total}; }

}  // namespace dt::DT_LEVEL
