// Numbers as a cache stores them, and as floats.
#pragma once
#include <cstring>

#include "abi.hpp"
#include "simd/level.hpp"

namespace dt::DT_LEVEL {

template <Kind K>
struct Stored;

template <>
struct Stored<F32> {
    using Item = float;
    static V get(const float* p) { return load(p); }
};
template <>
struct Stored<F16> {
    using Item = uint16_t;
    static V get(const uint16_t* p) { return load_f16(p); }
};
template <>
struct Stored<BF16> {
    using Item = uint16_t;
    static V get(const uint16_t* p) { return load_bf16(p); }
};
// Codes, without their scale.
template <>
struct Stored<Q8> {
    using Item = int8_t;
    static V get(const int8_t* p) { return load_i8(p); }
};

// The 16 scales at the end of a Q8 tile.
inline const float* scales_of(const uint8_t* tile, int dim) {
    return reinterpret_cast<const float*>(tile + TILE * dim);
}

// A tile of keys, [dim][16], as floats.
template <Kind K>
inline void widen_keys(const uint8_t* tile, int dim, float* out) {
    auto* items = reinterpret_cast<const typename Stored<K>::Item*>(tile);
    for (int d = 0; d < dim; d++) store(out + d * TILE, Stored<K>::get(items + d * TILE));
}

// A tile of values, [16][dim], as floats [16][width]; width: dim, padded with zeros to whole vectors.
template <Kind K>
inline void widen_values(const uint8_t* tile, int dim, int width, float* out) {
    using Item = typename Stored<K>::Item;
    auto* items = reinterpret_cast<const Item*>(tile);
    for (int place = 0; place < TILE; place++, items += dim, out += width) {
        int d = 0;
        for (; d + LANES <= dim; d += LANES) store(out + d, Stored<K>::get(items + d));
        if (d < dim) {
            Item rest[LANES] = {};
            std::memcpy(rest, items + d, sizeof(Item) * size_t(dim - d));
            store(out + d, Stored<K>::get(rest));
        }
    }
}

}  // namespace dt::DT_LEVEL
