// Where the numbers of a packed matrix lie.
//
// A matrix is cut into strips of STRIP rows, which its level multiplies side by side. A strip is a run of groups along
// k, and a group a header (float16 scales of its rows, then mins) and some blocks of codes: what a product reads, in
// the order in which it reads it. Q8 and Q4 strips end with one float factor for each row.
#pragma once
#include "abi.hpp"
#include "simd/level.hpp"

namespace dt::DT_LEVEL {

// STRIP: rows of a strip. Q8_STEP, Q4_STEP: codes of one row that lie together, as the level's instructions want them.
// Q8_FLIP: bits of the codes that are stored inverted; 128 makes them signed.
#if defined(DT_LEVEL_AVX512)
constexpr int STRIP = 32, Q8_STEP = 4, Q4_STEP = 4, Q8_FLIP = 0;
#elif defined(DT_LEVEL_AVX2)
constexpr int STRIP = 16, Q8_STEP = 2, Q4_STEP = 4, Q8_FLIP = 128;
#else
constexpr int STRIP = 16, Q8_STEP = 1, Q4_STEP = 1, Q8_FLIP = 0;
#endif
constexpr int STRIP_TILES = STRIP / TILE;

inline bool quantized(const Matrix& w) { return w.kind == Q8 || w.kind == Q4; }

// Groups other than these are a whole row: one scale for each output channel.
inline bool by_channel(const Matrix& w) { return w.group != 16 && w.group != 32 && w.group != 64 && w.group != 128; }

struct Layout {
    int strips, groups;  // of the matrix, of a strip
    int blocks;          // of a group
    int block_k;         // neighbours along k in a block
    int header_bytes, block_bytes;
    bool factors;

    int64_t group_bytes() const { return header_bytes + int64_t(blocks) * block_bytes; }
    int64_t strip_bytes() const {
        return (groups * group_bytes() + (factors ? STRIP * 4 : 0) + 63) / 64 * 64;
    }
    int padded_k() const { return groups * blocks * block_k; }
};

constexpr int bits_of_kind(int kind) { return kind == F32 ? 32 : kind == Q8 ? 8 : kind == Q4 ? 4 : 16; }

// k of a block of activations: for Q8 and Q4 those that share a scale.
inline int block_of(const Matrix& w) {
    if (w.kind == F32) return 8;
    return w.kind == F16 || w.kind == BF16 || w.group == 16 ? 16 : 32;
}

inline Layout layout_of(const Matrix& w) {
    Layout l{};
    l.strips = (w.n + STRIP - 1) / STRIP;
    l.block_k = block_of(w);
    l.block_bytes = STRIP * l.block_k * bits_of_kind(w.kind) / 8;
    l.blocks = 1;
    l.factors = quantized(w);
    if (l.factors && !by_channel(w)) l.blocks = w.group / l.block_k;
    if (l.factors) l.header_bytes = (by_channel(w) && !w.has_mins ? 0 : STRIP * 2) + (w.has_mins ? STRIP * 2 : 0);
    l.groups = (w.k + l.blocks * l.block_k - 1) / (l.blocks * l.block_k);
    return l;
}

// Where element (row of the strip, k of the block) lies, counted in elements; for Q4 in half bytes, low half first.
template <int KIND>
inline int place(int row, int k) {
    if (KIND == Q4) {
        int byte = (k / (2 * Q4_STEP) * STRIP + row) * Q4_STEP + k % Q4_STEP;
        return 2 * byte + k / Q4_STEP % 2;
    }
    if (KIND == Q8) return (k / Q8_STEP * STRIP + row) * Q8_STEP + k % Q8_STEP;
#if defined(DT_LEVEL_AVX512)
    if (KIND == BF16) return (k / 2 * STRIP + row) * 2 + k % 2;
#elif defined(DT_LEVEL_AVX2)
    if (KIND == BF16) return k * STRIP + row % 8 * 2 + row / 8;
#endif
    return k * STRIP + row;
}

inline uint8_t* strip_at(const Layout& l, const void* packed, int strip) {
    return (uint8_t*)packed + strip * l.strip_bytes();
}

// The factors of a strip's rows, by which its scales and mins were divided.
inline float* factors_at(const Layout& l, const void* packed, int strip) {
    return (float*)(strip_at(l, packed, strip) + l.groups * l.group_bytes());
}

}  // namespace dt::DT_LEVEL
