// One partition of a bfloat16 cache by the processor's bfloat16 products: twice the arithmetic of float32 ones.
//
// Queries and weights are rounded to bfloat16, as keys and values are already, and neighbours are multiplied in pairs:
// of the dimension for scores, of positions for values. Sums are float32; that of the weights is taken after rounding.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "attention/partition.hpp"

namespace dt::DT_LEVEL {

struct PairedWork {
    const PartitionWork& work;
    float* scores;      // [rows][SCORE_STRIDE]
    uint16_t* queries;  // [rows][dim]
    uint16_t* weights;  // [rows][PARTITION], 0 where a row does not look
};

// Sixteen numbers and sixteen more, side by side → pairs of the same place.
inline __m512i pair_up(__m512i x) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,  //
                                           23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, x);
}

inline __m512i set1_pair(const uint16_t* p) {
    int32_t both;
    std::memcpy(&both, p, sizeof both);
    return _mm512_set1_epi32(both);
}

// c + a₀ b₀ + a₁ b₁ of each pair.
inline V dot(__m512i a, __m512i b, V c) { return {_mm512_dpbf16_ps(c.v, __m512bh(a), __m512bh(b))}; }

template <int R, int C, bool FETCH>
inline void score_pairs(const uint16_t* queries, int dim, const uint8_t* const* tiles, const uint8_t* const* after,
                        float* scores) {
    V total[R][C];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) total[r][c] = zero();
    for (int d = 0; d < dim; d += 2) {
        __m512i key[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) {
            if (FETCH) fetch(after[c] + d * TILE * 2);
            key[c] = pair_up(_mm512_loadu_si512(tiles[c] + d * TILE * 2));
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            __m512i query = set1_pair(queries + r * dim + d);
#pragma GCC unroll 16
            for (int c = 0; c < C; c++) total[r][c] = dot(key[c], query, total[r][c]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) store(scores + r * SCORE_STRIDE + c * TILE, total[r][c]);
}

// Adds weights × values of the places first ≤ j < last. A pair that reaches past them has a zero instead of the value.
template <int R, int C, bool FETCH>
inline void weigh_pairs(const uint16_t* weights, const uint8_t* const* tiles, const uint8_t* const* after, int dim,
                        int column, int first, int last, float* out, int64_t out_stride) {
    V total[R][C];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) total[r][c] = load(out + r * out_stride + column + c * LANES);
    auto add = [&](int j, bool even, bool odd) {
        const int64_t offset = (j % TILE) * dim + column;
        auto* values = reinterpret_cast<const uint16_t*>(tiles[j / TILE]) + offset;
        auto* later = reinterpret_cast<const uint16_t*>(after[j / TILE]) + offset;
        __m512i value[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) {
            if (FETCH && c % 2 == 0) fetch(later + c * LANES);
            if (FETCH && c % 2 == 0) fetch(later + dim + c * LANES);
            __m512i both = _mm512_setzero_si512();
            if (even) both = _mm512_inserti64x4(both, _mm256_loadu_si256((const __m256i*)(values + c * LANES)), 0);
            if (odd) both = _mm512_inserti64x4(both, _mm256_loadu_si256((const __m256i*)(values + dim + c * LANES)), 1);
            value[c] = pair_up(both);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            __m512i weight = set1_pair(weights + r * PARTITION + j);
#pragma GCC unroll 16
            for (int c = 0; c < C; c++) total[r][c] = dot(value[c], weight, total[r][c]);
        }
    };
    int j = first;
    if (j % 2) add(j++ - 1, false, true);
    for (; j + 2 <= last; j += 2) add(j, true, true);
    if (j < last) add(j, true, false);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) store(out + r * out_stride + column + c * LANES, total[r][c]);
}

template <int R, bool FETCH>
inline void score_block(const PairedWork& own, const RowBlock& block) {
    constexpr int C = block_columns(R);
    const PartitionWork& work = own.work;
    const int end = (block.last + TILE - 1) / TILE;
    for (int tile = block.first / TILE; tile < end; tile += C) {
        const TileBlock<C> tiles(work.keys, work.after_keys, tile, end);
        score_pairs<R, C, FETCH>(own.queries + block.row * work.dim, work.dim, tiles.tiles, tiles.after,
                                 own.scores + block.row * SCORE_STRIDE + tile * TILE);
    }
}

template <int R, bool FETCH>
inline void weigh_block(const PairedWork& own, const RowBlock& block) {
    constexpr int C = block_columns(R);
    const PartitionWork& work = own.work;
    const int64_t stride = state_floats(work.dim);
    const uint16_t* weights = own.weights + block.row * PARTITION;
    float* out = work.states + block.row * stride;
    const auto *values = work.values, *after = work.after_values;
    int at = 0;
    for (; at + C * LANES <= work.dim; at += C * LANES)
        weigh_pairs<R, C, FETCH>(weights, values, after, work.dim, at, block.first, block.last, out, stride);
    for (; at < work.dim; at += LANES)
        weigh_pairs<R, 1, FETCH>(weights, values, after, work.dim, at, block.first, block.last, out, stride);
}

// Scores become weights 2^(score - largest), rounded; returns their sum.
inline float rounded_weights_of(const ScoreRow& row, float most, uint16_t* out) {
    std::fill_n(out, PARTITION, uint16_t(0));
    V total = zero();
    for (int at = row.first / LANES * LANES; at < row.last; at += LANES) {
        const __m256bh weight = _mm512_cvtneps_pbh(exp2(load(row.scores + at) - set1(most)).v);
        _mm256_storeu_si256((__m256i*)(out + at), __m256i(weight));
        total = total + V{_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(__m256i(weight)), 16))};
    }
    return sum(total);
}

inline void soften(const PairedWork& own, const RowBlock& block) {
    const PartitionWork& work = own.work;
    for (int r = block.row; r < block.row + block.count; r++) {
        float* summary = clear(work, r);
        ScoreRow row{own.scores + r * SCORE_STRIDE, work.first[r], work.last[r], nullptr, nullptr, work.cap};
        if (row.first < row.last) summary[0] = largest_score(row);
        summary[1] = rounded_weights_of(row, summary[0], own.weights + r * PARTITION);
    }
}

inline void partition_of_pairs(const PartitionWork& work) {
    auto* queries = reinterpret_cast<uint16_t*>(work.room + work.rows * SCORE_STRIDE);
    const PairedWork own{work, work.room, queries, queries + work.rows * work.dim};
    for (int i = 0; i < work.rows * work.dim; i += LANES) store_bf16(queries + i, load(work.queries + i));
    each_block(work, [&](const RowBlock& block, auto r, auto fetches) {
        score_block<r.value, fetches.value>(own, block);
        soften(own, block);
        if (block.first < block.last) weigh_block<r.value, fetches.value>(own, block);
    });
}

}  // namespace dt::DT_LEVEL
