// One partition of one KV head for all rows that look at it.
#pragma once
#include <algorithm>
#include <type_traits>

#include "attention/products.hpp"
#include "attention/softmax.hpp"

namespace dt::DT_LEVEL {

constexpr int STAGED_ROWS = 16;  // from so many rows on, keys and values are made floats first

// What is worked on: the tiles of kind K, and the scores, later weights, of each row.
struct Working {
    const PartitionWork& work;
    const uint8_t* const* keys;
    const uint8_t* const* values;
    const uint8_t* const* after_keys;
    const uint8_t* const* after_values;
    int value_width;  // of a row of values
    float* scores;    // [rows][SCORE_STRIDE]
};

// Rows [row, row + count) and the places of the partition that any, and all, of them look at.
struct RowBlock {
    int row, count;
    int first, last;
    int all_first, all_last;
};

inline RowBlock row_block(const PartitionWork& work, int row, int count) {
    RowBlock block{row, count, PARTITION, 0, 0, PARTITION};
    for (int r = row; r < row + count; r++) {
        if (work.first[r] < work.last[r]) {
            block.first = std::min(block.first, work.first[r]);
            block.last = std::max(block.last, work.last[r]);
        }
        block.all_first = std::max(block.all_first, work.first[r]);
        block.all_last = std::min(block.all_last, work.last[r]);
    }
    block.all_last = std::max(block.all_first, block.all_last);
    return block;
}

// Calls f(block, its number of rows, whether it is the first one) for the rows in blocks of about the same size; the
// last two as std::integral_constant.
template <int R = BLOCK_ROWS, class F>
inline void with_block(const RowBlock& block, const F& f) {
    if constexpr (R > 1) {
        if (block.count < R) return with_block<R - 1>(block, f);
    }
    constexpr auto rows = std::integral_constant<int, R>();
    block.row == 0 ? f(block, rows, std::true_type()) : f(block, rows, std::false_type());
}

template <class F>
inline void each_block(const PartitionWork& work, const F& f) {
    int blocks = (work.rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    for (int i = 0, row = 0; i < blocks; i++) {
        int count = (work.rows - row + blocks - i - 1) / (blocks - i);
        with_block(row_block(work, row, count), f);
        row += count;
    }
}

// C tiles from `tile` on. Past the end it is the last one again: it is computed once more, and ignored.
template <int C>
struct TileBlock {
    const uint8_t* tiles[C];
    const uint8_t* after[C];

    TileBlock(const uint8_t* const* all, const uint8_t* const* all_after, int tile, int end) {
        for (int c = 0; c < C; c++) {
            tiles[c] = all[std::min(tile + c, end - 1)];
            after[c] = all_after[std::min(tile + c, end - 1)];
        }
    }
};

// Scores of the rows of a block. Only the first block fetches what comes later.
template <Kind K, int R, bool FETCH>
inline void score_block(const Working& own, const RowBlock& block) {
    constexpr int C = block_columns(R);
    const PartitionWork& work = own.work;
    const int end = (block.last + TILE - 1) / TILE;
    for (int tile = block.first / TILE; tile < end; tile += C) {
        const TileBlock<C> tiles(own.keys, own.after_keys, tile, end);
        score_tiles<K, R, C, FETCH>(work.queries + block.row * work.dim, work.dim, tiles.tiles, tiles.after,
                                    own.scores + block.row * SCORE_STRIDE + tile * TILE, SCORE_STRIDE);
    }
}

// An empty state for row r; returns its summary.
inline float* clear(const PartitionWork& work, int r) {
    float* state = work.states + r * state_floats(work.dim);
    for (int64_t i = 0; i < state_width(work.dim); i += LANES) store(state + i, zero());
    float* summary = summary_of(state, work.dim);
    summary[0] = -INFINITY;
    summary[1] = 0.0f;
    return summary;
}

// The scales of tiles [begin, end), one after another; null where the kind has none.
inline const float* gather_scales(const PartitionWork& work, const uint8_t* const* tiles, int begin, int end,
                                  float* out) {
    if (work.kind != Q8) return nullptr;
    for (int tile = begin; tile < end; tile++) store(out + tile * TILE, load(scales_of(tiles[tile], work.dim)));
    return out;
}

inline void soften(const Working& own, const RowBlock& block, const float* key_scales, const float* value_scales) {
    const PartitionWork& work = own.work;
    for (int r = block.row; r < block.row + block.count; r++) {
        float* summary = clear(work, r);
        if (work.first[r] >= work.last[r]) continue;
        ScoreRow row{own.scores + r * SCORE_STRIDE, work.first[r], work.last[r], key_scales, value_scales, work.cap};
        summary[0] = largest_score(row);
        summary[1] = weights_of(row, summary[0]);
    }
}

// Places that only some rows of a block look at are added row by row: never a weight 0 × an unwritten value.
template <Kind K, int R, bool FETCH>
inline void weigh_block(const Working& own, const RowBlock& block) {
    const PartitionWork& work = own.work;
    const int64_t stride = state_floats(work.dim);
    auto alone = [&](int r, int first, int last) {
        if (first < last)
            weigh<K, 1, false>(own.scores + r * SCORE_STRIDE, SCORE_STRIDE, own.values, own.after_values,
                               own.value_width, first, last, work.states + r * stride, stride);
    };
    int end = block.row + block.count;
    for (int r = block.row; r < end; r++) alone(r, work.first[r], std::min(work.last[r], block.all_first));
    if (block.all_first < block.all_last)
        weigh<K, R, FETCH>(own.scores + block.row * SCORE_STRIDE, SCORE_STRIDE, own.values, own.after_values,
                           own.value_width, block.all_first, block.all_last, work.states + block.row * stride, stride);
    for (int r = block.row; r < end; r++) alone(r, std::max(work.first[r], block.all_last), work.last[r]);
}

template <Kind K>
inline void reduce(const Working& own, int begin, int end) {
    const PartitionWork& work = own.work;
    float key_room[PARTITION], value_room[PARTITION];
    const float* key_scales = gather_scales(work, work.keys, begin, end, key_room);
    const float* value_scales = gather_scales(work, work.values, begin, end, value_room);
    each_block(work, [&](const RowBlock& block, auto r, auto fetches) {
        score_block<K, r.value, fetches.value>(own, block);
        soften(own, block, key_scales, value_scales);
        weigh_block<K, r.value, fetches.value>(own, block);
    });
}

// The same with tiles [begin, end) made floats first: cheaper for many rows, and for heads that are no whole vectors.
template <Kind K>
inline void reduce_staged(const Working& own, int begin, int end) {
    const int dim = own.work.dim, width = int(state_width(dim));
    float* room = own.scores + own.work.rows * SCORE_STRIDE;
    const uint8_t* keys[PARTITION_TILES];
    const uint8_t* values[PARTITION_TILES];
    for (int tile = begin; tile < end; tile++) {
        float* key = room + int64_t(tile) * TILE * width;
        float* value = key + int64_t(PARTITION) * width;
        widen_keys<K>(own.keys[tile], dim, key);
        widen_values<K>(own.values[tile], dim, width, value);
        keys[tile] = reinterpret_cast<const uint8_t*>(key);
        values[tile] = reinterpret_cast<const uint8_t*>(value);
    }
    reduce<F32>({own.work, keys, values, keys, values, width, own.scores}, begin, end);
}

template <Kind K>
inline void partition_of(const PartitionWork& work) {
    int first = PARTITION, last = 0;
    for (int r = 0; r < work.rows; r++) {
        if (work.first[r] >= work.last[r]) continue;
        first = std::min(first, work.first[r]);
        last = std::max(last, work.last[r]);
    }
    int begin = first / TILE, end = (last + TILE - 1) / TILE;
    Working own{work, work.keys, work.values, work.after_keys, work.after_values, work.dim, work.room};
    bool staged = work.dim % LANES != 0 || (K != F32 && work.rows >= STAGED_ROWS);
    staged ? reduce_staged<K>(own, begin, end) : reduce<K>(own, begin, end);
}

}  // namespace dt::DT_LEVEL
