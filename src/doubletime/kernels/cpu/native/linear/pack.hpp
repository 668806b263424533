// Packing: from rows as a checkpoint has them to strips, and one row back.
#pragma once
#include <cmath>
#include <cstring>

#include "linear/layout.hpp"

namespace dt::DT_LEVEL {

inline int64_t pack_bytes(const Matrix& form) {
    Layout l = layout_of(form);
    return l.strips * l.strip_bytes();
}

inline uint16_t to_half(float x) {
    float values[16] = {x};
    uint16_t halves[16];
    store_f16(halves, load(values));
    return halves[0];
}

inline float from_half(uint16_t h) {
    uint16_t halves[16] = {h};
    float values[16];
    store(values, load_f16(halves));
    return values[0];
}

// A power of two that brings a row's largest scale or min just below 2¹⁵: whatever was float16 before stays exact, and
// other scales keep 11 bits however small they are.
inline float factor_of(const float* scales, const float* mins, int count) {
    float top = 0.0f;
    for (int i = 0; i < count; i++) {
        top = std::fmax(top, std::fabs(scales[i]));
        if (mins != nullptr) top = std::fmax(top, std::fabs(mins[i]));
    }
    int exponent;
    std::frexp(top, &exponent);
    return top > 0.0f ? std::ldexp(1.0f, exponent - 15) : 1.0f;
}

// What pack() was given.
struct Source {
    const void* values;
    const float *scales, *mins;
};

template <int KIND, class T>
inline void pack_plain_row(const Matrix& form, const Layout& l, const T* from, uint8_t* strip, int row) {
    for (int k = 0; k < form.k; k++) {
        ((T*)(strip + k / l.block_k * l.group_bytes()))[place<KIND>(row, k % l.block_k)] = from[k];
    }
}

template <int KIND>
inline void put_code(uint8_t* block, int row, int k, const uint8_t* from, int64_t i) {
    int at = place<KIND>(row, k);
    if (KIND == Q8) {
        block[at] = uint8_t(from[i] ^ Q8_FLIP);
    } else {
        block[at / 2] |= uint8_t((from[i / 2] >> (i % 2 * 4) & 15) << (at % 2 * 4));
    }
}

template <int KIND>
inline void pack_codes_row(const Matrix& form, const Layout& l, const uint8_t* from, uint8_t* strip, int row) {
    for (int group = 0, k = 0; group < l.groups; group++) {
        uint8_t* block = strip + group * l.group_bytes() + l.header_bytes;
        for (int b = 0; b < l.blocks; b++, block += l.block_bytes) {
            for (int i = 0; i < l.block_k && k < form.k; i++, k++) put_code<KIND>(block, row, i, from, k);
        }
    }
}

// Scales and mins of one row; a channel's only scale becomes its factor.
inline void pack_scales_row(const Matrix& form, const Layout& l, const Source& from, int n, uint8_t* strip,
                            float* factors) {
    const int count = by_channel(form) ? 1 : l.groups, row = n % STRIP;
    const float* scales = from.scales + int64_t(n) * count;
    const float* mins = form.has_mins ? from.mins + int64_t(n) * count : nullptr;
    if (l.header_bytes == 0) {
        factors[row] = scales[0];
        return;
    }
    float factor = factors[row] = factor_of(scales, mins, count);
    for (int g = 0; g < l.groups; g++) {
        int i = count == 1 ? 0 : g;
        auto header = (uint16_t*)(strip + g * l.group_bytes());
        header[row] = to_half(scales[i] / factor);
        if (mins != nullptr) header[STRIP + row] = to_half(mins[i] / factor);
    }
}

inline void pack_row(const Matrix& form, const Layout& l, const Source& from, int n, uint8_t* strip, float* factors) {
    const int row = n % STRIP;
    const int64_t at = int64_t(n) * form.k;
    switch (form.kind) {
        case F32: return pack_plain_row<F32>(form, l, (const uint32_t*)from.values + at, strip, row);
        case F16: return pack_plain_row<F16>(form, l, (const uint16_t*)from.values + at, strip, row);
        case BF16: return pack_plain_row<BF16>(form, l, (const uint16_t*)from.values + at, strip, row);
        case Q8: pack_codes_row<Q8>(form, l, (const uint8_t*)from.values + at, strip, row); break;
        case Q4: pack_codes_row<Q4>(form, l, (const uint8_t*)from.values + at / 2, strip, row); break;
    }
    pack_scales_row(form, l, from, n, strip, factors);
}

inline void pack(const Matrix& form, const void* values, const float* scales, const float* mins, void* packed,
                 int first, int last) {
    Layout l = layout_of(form);
    const Source from{values, scales, mins};
    for (int s = first / STRIP_TILES; s * STRIP_TILES < last; s++) {
        uint8_t* strip = strip_at(l, packed, s);
        std::memset(strip, 0, size_t(l.strip_bytes()));
        for (int n = s * STRIP; n < form.n && n < (s + 1) * STRIP; n++) {
            pack_row(form, l, from, n, strip, factors_at(l, packed, s));
        }
    }
}

// One element of a block as a float; of Q8 and Q4 the code.
template <int KIND>
inline float element(const uint8_t* block, int row, int k) {
    int at = place<KIND>(row, k);
    if (KIND == Q8) return float(block[at] ^ Q8_FLIP);
    if (KIND == Q4) return float(block[at / 2] >> (at % 2 * 4) & 15);
    if (KIND == F32) return ((const float*)block)[at];
    uint16_t half = ((const uint16_t*)block)[at];
    if (KIND == F16) return from_half(half);
    uint32_t bits = uint32_t(half) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

template <int KIND>
inline void unpack(const Matrix& w, int n, float* out) {
    Layout l = layout_of(w);
    const uint8_t* group = strip_at(l, w.packed, n / STRIP);
    const int row = n % STRIP;
    const float factor = l.factors ? factors_at(l, w.packed, n / STRIP)[row] : 1.0f;
    for (int k = 0; k < w.k; group += l.group_bytes()) {
        auto header = (const uint16_t*)group;
        float scale = l.header_bytes ? from_half(header[row]) * factor : factor;
        float low = w.has_mins ? from_half(header[STRIP + row]) * factor : KIND == Q8 ? scale * 128 : scale * 8;
        for (int i = 0; i < l.blocks * l.block_k && k < w.k; i++, k++) {
            float value = element<KIND>(group + l.header_bytes + i / l.block_k * l.block_bytes, row, i % l.block_k);
            out[k] = l.factors ? value * scale - low : value;
        }
    }
}

inline void unpack_row(const Matrix& w, int row, float* out) {
    switch (w.kind) {
        case F32: return unpack<F32>(w, row, out);
        case F16: return unpack<F16>(w, row, out);
        case BF16: return unpack<BF16>(w, row, out);
        case Q8: return unpack<Q8>(w, row, out);
        case Q4: return unpack<Q4>(w, row, out);
    }
}

}  // namespace dt::DT_LEVEL
