// What is done with one head's query, key or value on its way to attention and to the cache.
#pragma once
#include <cstring>

#include "abi.hpp"
#include "attention/stored.hpp"
#include "simd/level.hpp"

namespace dt::DT_LEVEL {

// x [n] × factor.
inline void scale(const float* x, int n, float factor, float* out) {
    int i = 0;
    for (; i + LANES <= n; i += LANES) store(out + i, load(x + i) * set1(factor));
    if (i < n) store_n(out + i, load_n(x + i, n - i) * set1(factor), n - i);
}

// Loads and stores of n ≤ 16 floats; whole vectors, the usual case, without a mask.
inline V take(const float* p, int n) { return n == LANES ? load(p) : load_n(p, n); }
inline void put(float* p, V x, int n) { n == LANES ? store(p, x) : store_n(p, x, n); }

// Rotary position embedding (Su et al. 2021) of pairs (x[i], x[i + half]). `out` may be x.
inline void rotate(const float* x, const float* cosines, const float* sines, int half, float* out) {
    for (int i = 0; i < half; i += LANES) {
        int n = half - i < LANES ? half - i : LANES;
        V left = take(x + i, n), right = take(x + half + i, n);
        V cosine = take(cosines + i, n), sine = take(sines + i, n);
        put(out + i, left * cosine - right * sine, n);
        put(out + half + i, right * cosine + left * sine, n);
    }
}

inline float largest_magnitude(const float* x, int dim) {
    V most = zero();
    for (int i = 0; i < dim; i += LANES) most = max(abs(take(x + i, dim - i < LANES ? dim - i : LANES)), most);
    return largest(most);
}

inline void narrow(uint16_t (&out)[LANES], V x, std::integral_constant<Kind, F16>) { store_f16(out, x); }
inline void narrow(uint16_t (&out)[LANES], V x, std::integral_constant<Kind, BF16>) { store_bf16(out, x); }
inline void narrow(float (&out)[LANES], V x, std::integral_constant<Kind, F32>) { store(out, x); }
inline void narrow(int8_t (&out)[LANES], V x, std::integral_constant<Kind, Q8>) { store_i8(out, x); }

// Writes x [dim] × factor as items of kind K, `step` apart.
template <Kind K>
inline void write(const float* x, int dim, float factor, typename Stored<K>::Item* out, int step) {
    typename Stored<K>::Item items[LANES];
    for (int i = 0; i < dim; i += LANES) {
        int n = dim - i < LANES ? dim - i : LANES;
        V own = take(x + i, n);
        narrow(items, K == Q8 ? own * set1(factor) : own, std::integral_constant<Kind, K>());
        if (step == 1) {
            std::memcpy(out + i, items, sizeof(items[0]) * size_t(n));
        } else {
            for (int j = 0; j < n; j++) out[(i + j) * step] = items[j];
        }
    }
}

// Q8: code = x × 127 / largest magnitude, rounded; its scale, one a token and head, lies behind the tile's codes.
inline void write_codes(const float* x, int dim, uint8_t* tile, int at, int step, int place) {
    float most = largest_magnitude(x, dim), scale = most / 127.0f;
    write<Q8>(x, dim, most > 0.0f ? 127.0f / most : 0.0f, reinterpret_cast<int8_t*>(tile) + at, step);
    std::memcpy(tile + TILE * dim + place * int(sizeof(float)), &scale, sizeof scale);
}

// Writes x [dim] to a tile, the first item at `at` and the others `step` apart.
inline void write_place(Kind kind, const float* x, int dim, uint8_t* tile, int at, int step, int place) {
    switch (kind) {
        case F16: return write<F16>(x, dim, 1.0f, reinterpret_cast<uint16_t*>(tile) + at, step);
        case BF16: return write<BF16>(x, dim, 1.0f, reinterpret_cast<uint16_t*>(tile) + at, step);
        case Q8: return write_codes(x, dim, tile, at, step, place);
        default: return write<F32>(x, dim, 1.0f, reinterpret_cast<float*>(tile) + at, step);
    }
}

inline void store_key(Kind kind, const float* x, int dim, uint8_t* tile, int place) {
    write_place(kind, x, dim, tile, place, TILE, place);
}

inline void store_value(Kind kind, const float* x, int dim, uint8_t* tile, int place) {
    write_place(kind, x, dim, tile, place * dim, 1, place);
}

}  // namespace dt::DT_LEVEL
