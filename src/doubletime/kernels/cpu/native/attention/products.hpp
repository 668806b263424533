// The two matrix products of attention, for a block of R rows that share what is read.
//
// A score is one chain of additions along the head's dimension, an element of the weighted values one chain along the
// positions, both from the first to the last: how many rows and columns are computed side by side changes neither.
#pragma once
#include "attention/stored.hpp"

namespace dt::DT_LEVEL {

// As many rows and vectors side by side as the registers hold.
constexpr int BLOCK_ROWS = REGISTERS >= 8 ? 6 : 2;
constexpr int block_columns(int rows) {
    if (REGISTERS >= 32) return 4;
    return REGISTERS < 8 || rows > 2 ? 1 : 4 / rows;
}

// Begins to fetch the line of memory at p into the second level of cache.
inline void fetch(const void* p) { __builtin_prefetch(p, 0, 2); }

constexpr int LINE = 64;  // bytes of a line

// Scores of R queries [R][dim] with C tiles of keys: scores[r × stride + 16 c …]. FETCH: as keys are read, as much of
// the tiles `after` is fetched.
template <Kind K, int R, int C, bool FETCH>
inline void score_tiles(const float* queries, int dim, const uint8_t* const* tiles, const uint8_t* const* after,
                        float* scores, int64_t stride) {
    using Item = typename Stored<K>::Item;
    constexpr int STEP = LINE / int(TILE * sizeof(Item));  // along the dimension, until the next line
    const Item* keys[C];
    V total[R][C];
#pragma GCC unroll 16
    for (int c = 0; c < C; c++) keys[c] = reinterpret_cast<const Item*>(tiles[c]);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) total[r][c] = zero();
    for (int d = 0; d < dim; d++) {
        if (FETCH && d % STEP == 0) {
#pragma GCC unroll 16
            for (int c = 0; c < C; c++) fetch(after[c] + d / STEP * LINE);
        }
        V key[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) key[c] = Stored<K>::get(keys[c] + d * TILE);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            V query = set1(queries[r * dim + d]);
#pragma GCC unroll 16
            for (int c = 0; c < C; c++) total[r][c] = fma(query, key[c], total[r][c]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) store(scores + r * stride + c * TILE, total[r][c]);
}

// Adds weights[r × stride + j] × value j to R rows of C vectors, for the places first ≤ j < last. `tiles` are those of
// the partition, [16][width] each, from which `column` is the first to be read. FETCH: see score_tiles.
template <Kind K, int R, int C, bool FETCH>
inline void weigh_columns(const float* weights, int64_t stride, const uint8_t* const* tiles,
                          const uint8_t* const* after, int width, int column, int first, int last, float* out,
                          int64_t out_stride) {
    using Item = typename Stored<K>::Item;
    constexpr int LINES_APART = LINE / int(LANES * sizeof(Item));  // vectors from one line to the next
    V total[R][C];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) total[r][c] = load(out + r * out_stride + column + c * LANES);
    for (int from = first; from < last;) {
        int tile = from / TILE, to = (tile + 1) * TILE < last ? (tile + 1) * TILE : last;
        const int64_t offset = (from % TILE) * width + column;
        const Item* values = reinterpret_cast<const Item*>(tiles[tile]) + offset;
        const Item* later = reinterpret_cast<const Item*>(after[tile]) + offset;
        for (int j = from; j < to; j++, values += width, later += width) {
            if (FETCH) {
#pragma GCC unroll 16
                for (int c = 0; c < C; c += LINES_APART) fetch(later + c * LANES);
            }
            V value[C];
#pragma GCC unroll 16
            for (int c = 0; c < C; c++) value[c] = Stored<K>::get(values + c * LANES);
#pragma GCC unroll 16
            for (int r = 0; r < R; r++) {
                V weight = set1(weights[r * stride + j]);
#pragma GCC unroll 16
                for (int c = 0; c < C; c++) total[r][c] = fma(weight, value[c], total[r][c]);
            }
        }
        from = to;
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int c = 0; c < C; c++) store(out + r * out_stride + column + c * LANES, total[r][c]);
}

// All columns of R rows.
template <Kind K, int R, bool FETCH>
inline void weigh(const float* weights, int64_t stride, const uint8_t* const* tiles, const uint8_t* const* after,
                  int width, int first, int last, float* out, int64_t out_stride) {
    constexpr int C = block_columns(R);
    int column = 0;
    for (; column + C * LANES <= width; column += C * LANES)
        weigh_columns<K, R, C, FETCH>(weights, stride, tiles, after, width, column, first, last, out, out_stride);
    for (; column < width; column += LANES)
        weigh_columns<K, R, 1, FETCH>(weights, stride, tiles, after, width, column, first, last, out, out_stride);
}

}  // namespace dt::DT_LEVEL
