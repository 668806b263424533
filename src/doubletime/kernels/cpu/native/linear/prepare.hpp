// Activations as the products want them: blocks along k, each followed by what its kind of matrix needs beside them.
//
//   F32, F16, and BF16 without the instruction for it    float [block]
//   BF16                                                 bfloat16 [block]
//   Q8, Q4    int8 [block], a float scale, and a word: the sum of the block × −128 or × −8, which takes the offset of
//             the codes away (int32), or for a matrix with mins the sum × scale (float)
//   Q8 at AVX2    the same with int16 in place of int8
//   Q8, Q4 at the portable level    float [block]
#pragma once
#include <cstring>

#include "linear/layout.hpp"

namespace dt::DT_LEVEL {

// Bytes of one value of a block, and whether a scale and a word follow the block.
struct WeightForm {
    int bytes;
    bool scaled;
};

inline WeightForm weight_form(const Matrix& w) {
#if defined(DT_LEVEL_AVX512)
    if (w.kind == BF16) return {2, false};
    if (quantized(w)) return {1, true};
#elif defined(DT_LEVEL_AVX2)
    if (w.kind == Q8) return {2, true};
    if (w.kind == Q4) return {1, true};
#endif
    (void)w;
    return {4, false};
}

inline int prepared_block_bytes(const Matrix& w) {
    WeightForm s = weight_form(w);
    return block_of(w) * s.bytes + (s.scaled ? 8 : 0);
}

// An odd number of cache lines, so that neighbouring rows do not fall on the same lines of the cache.
inline int64_t prepared_bytes(const Matrix& w) {
    Layout l = layout_of(w);
    int64_t lines = (int64_t(l.groups) * l.blocks * prepared_block_bytes(w) + 63) / 64;
    return (lines | 1) * 64;
}

template <class T>
inline void store_codes(T* out, V x) {
    if constexpr (sizeof(T) == 1) {
        store_i8((int8_t*)out, x);
    } else {
        store_i16((int16_t*)out, x);
    }
}

// Codes x / scale rounded to nearest, where scale = max |x| / TOP; then the scale and the word. `parts` × 16 values.
template <class T, int TOP>
inline void quantize_block(const V* x, int parts, float offset, bool mins, uint8_t* out) {
    V top = abs(x[0]);
    for (int i = 1; i < parts; i++) top = max(top, abs(x[i]));
    const float most = largest(top);
    const bool empty = most < 1e-30f;
    const V inverse = set1(empty ? 0.0f : float(TOP) / most);
    const float scale = empty ? 0.0f : most * (1.0f / float(TOP));
    V total = zero();
    for (int i = 0; i < parts; i++) {
        V code = round(x[i] * inverse);
        total = total + code;
        store_codes((T*)out + 16 * i, code);
    }
    const float whole = sum(total);
    out += sizeof(T) * 16 * size_t(parts);
    std::memcpy(out, &scale, 4);
    const float with_mins = whole * scale;
    const int32_t without = int32_t(whole * -offset);
    std::memcpy(out + 4, mins ? (const void*)&with_mins : (const void*)&without, 4);
}

inline void prepare_block(const Matrix& w, const V* x, int parts, uint8_t* out) {
    const WeightForm s = weight_form(w);
    if (!s.scaled) {
        for (int i = 0; i < parts; i++) {
            if (s.bytes == 2) {
                store_bf16((uint16_t*)out + 16 * i, x[i]);
            } else {
                store((float*)out + 16 * i, x[i]);
            }
        }
    } else if (s.bytes == 2) {
        quantize_block<int16_t, 32767>(x, parts, 0.0f, w.has_mins, out);
    } else {
        quantize_block<int8_t, 127>(x, parts, w.kind == Q8 ? 128.0f : 8.0f, w.has_mins, out);
    }
}

// The floats [first, first + 16) of a row that ends at k, and zeros behind it.
inline V part_of(const float* x, int first, int k) {
    if (first + LANES <= k) return load(x + first);
    return first < k ? load_n(x + first, k - first) : zero();
}

inline void prepare(const Matrix& w, const float* x, void* prepared) {
    Layout l = layout_of(w);
    auto out = (uint8_t*)prepared;
    if (w.kind == F32) {
        std::memcpy(out, x, sizeof(float) * size_t(w.k));
        std::memset(out + sizeof(float) * size_t(w.k), 0, sizeof(float) * size_t(l.padded_k() - w.k));
        return;
    }
    const int parts = l.block_k / LANES, bytes = prepared_block_bytes(w);
    for (int k = 0; k < l.padded_k(); k += l.block_k, out += bytes) {
        V own[2] = {part_of(x, k, w.k), parts > 1 ? part_of(x, k + LANES, w.k) : zero()};
        prepare_block(w, own, parts, out);
    }
}

}  // namespace dt::DT_LEVEL
