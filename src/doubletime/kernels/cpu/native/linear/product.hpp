// The product of prepared rows with strips of a matrix: loops over k, strips and panels, so that what the panels of one
// strip read again is still in the cache, and the next weights are fetched meanwhile.
#pragma once
#include <algorithm>
#include <cstring>

#include "linear/prepare.hpp"
#include "linear/store.hpp"
#if defined(DT_LEVEL_AVX512)
#include "linear/bf16_dot.hpp"
#include "linear/vnni.hpp"
#elif defined(DT_LEVEL_AVX2)
#include "linear/madd.hpp"
#else
#include "linear/plain.hpp"
#endif
#include "linear/floats.hpp"
#include "pool.hpp"

namespace dt::DT_LEVEL {

#if defined(DT_LEVEL_AVX512)
template <int KIND>
inline Family quantized_family(const Matrix& w) {
    if (KIND == Q8 && w.group == 16) {
        return w.has_mins ? family<Vnni<Q8, 16, true, true>>() : family<Vnni<Q8, 16, true, false>>();
    }
    if (w.has_mins) return family<Vnni<KIND, 32, true, true>>();
    if (KIND == Q8 && by_channel(w)) return family<Vnni<Q8, 32, false, false>>();
    return family<Vnni<KIND, 32, true, false>>();
}
inline Family bf16_family() { return family<DotBF16>(); }
#elif defined(DT_LEVEL_AVX2)
template <class CODES>
inline Family madd_family(const Matrix& w) {
    return w.has_mins ? family<Madd<CODES, true, true>>() : family<Madd<CODES, true, false>>();
}
template <int KIND>
inline Family quantized_family(const Matrix& w) {
    if (KIND == Q4) return madd_family<MaddQ4>(w);
    if (by_channel(w) && !w.has_mins) return family<Madd<MaddQ8<32>, false, false>>();
    return w.group == 16 ? madd_family<MaddQ8<16>>(w) : madd_family<MaddQ8<32>>(w);
}
inline Family bf16_family() { return family<Floats<AsBF16>>(); }
#else
template <int KIND>
inline Family quantized_family(const Matrix&) {
    return family<Plain<KIND>>();
}
inline Family bf16_family() { return family<Floats<AsBF16>>(); }
#endif

inline Family family_of(const Matrix& w) {
    switch (w.kind) {
        case F32: return family<Floats<AsF32>>();
        case F16: return family<Floats<AsF16>>();
        case BF16: return bf16_family();
        case Q8: return quantized_family<Q8>(w);
        default: return quantized_family<Q4>(w);
    }
}

constexpr int64_t ROWS_BYTES = 192 << 10;  // of activations, that stay in the second cache while strips pass
constexpr int SUMS_SLOT = 0;               // of this thread's scratch

// Bytes of a strip that are read by all panels in turn, while as many are fetched. Where memory alone counts, short
// slices keep the stream even (measured: 27 GB/s a core against 20 with 32 KiB); otherwise long ones let it overlap.
inline int64_t slice_bytes(int rows) { return rows <= 2 ? 4 << 10 : 32 << 10; }

// One call of product().
struct Product {
    const Matrix& w;
    const Layout l;
    const uint8_t* x;
    const int64_t x_stride;
    const int rows;
    const Family kernels;
    const int panels, slice_groups;

    Product(const Matrix& w, const void* prepared, int rows)
        : w(w), l(layout_of(w)), x((const uint8_t*)prepared), x_stride(prepared_bytes(w)), rows(rows),
          kernels(family_of(w)), panels((rows + kernels.most - 1) / kernels.most),
          slice_groups(int(std::max<int64_t>(1, slice_bytes(rows) / l.group_bytes()))) {}

    const uint8_t* group_at(int strip, int group) const {
        return strip_at(l, w.packed, strip) + group * l.group_bytes();
    }

    // Groups [first, last) of a strip with all rows. `next` is what follows.
    void slice(int strip, int first, int last, const uint8_t* next, float* sums) const {
        const int blocks = (last - first) * l.blocks;
        const int64_t share = (last - first) * l.group_bytes() / panels;
        Panel p{group_at(strip, first), nullptr, x_stride, last - first, l.blocks, l.block_k, l.header_bytes,
                nullptr, next, int((share + 64 * blocks - 1) / (64 * blocks))};
        const uint8_t* own = x + int64_t(first) * l.blocks * prepared_block_bytes(w);
        for (int i = 0, begin = 0; i < panels; i++) {
            const int end = int(int64_t(rows) * (i + 1) / panels);
            p.x = own + begin * x_stride;
            p.sums = sums + begin * STRIP;
            kernels.by_rows[end - begin - 1](p);
            p.ahead += share;
            begin = end;
        }
    }

    // Strips [first, last) side by side, slice by slice along k.
    void strips(int first, int last, const SumsView& sums) const {
        std::memset(sums.data, 0, sizeof(float) * STRIP * size_t(rows) * size_t(last - first));
        for (int g = 0; g < l.groups; g += slice_groups) {
            const int end = std::min(g + slice_groups, l.groups);
            for (int s = first; s < last; s++) {
                const uint8_t* below = end < l.groups ? group_at(first, end) : group_at(last, 0);
                const uint8_t* next = s + 1 < last ? group_at(s + 1, g) : below;
                slice(s, g, end, next, sums.strip(s));
            }
        }
    }
};

inline void product(const Matrix& w, const void* prepared, int rows, const Target& target, int first, int last) {
    const Product job(w, prepared, rows);
    const int end = (last + STRIP_TILES - 1) / STRIP_TILES;
    // Where all rows stay in the cache strips come one by one (GATED: by two tiles), as they lie in memory.
    const int together = rows * job.x_stride <= ROWS_BYTES ? 2 / STRIP_TILES : end;
    auto data = (float*)scratch(SUMS_SLOT, int64_t(sizeof(float)) * STRIP * rows * std::min(together, end));
    for (int s = first / STRIP_TILES; s < end; s += together) {
        const int stop = std::min(s + together, end);
        const SumsView sums{data, rows, s};
        job.strips(s, stop, sums);
        store_tiles(w, job.l, sums, target, s * STRIP_TILES, std::min(stop * STRIP_TILES, last));
    }
}

}  // namespace dt::DT_LEVEL
