// How a product is cut into pieces for the pool.
#pragma once
#include <algorithm>
#include <cstdint>

#include "abi.hpp"

namespace dt {

constexpr int ROW_BLOCK = 96;  // rows that pass a piece of the weights together

// Pieces of `tiles` tiles × ROW_BLOCK rows, rows first: neighbours in time share their weights.
struct Cut {
    int row_blocks, tiles, all_tiles, pieces;

    struct Piece {
        int row, rows, first, last;
    };
    Piece piece(int index, int rows) const {
        const int row = index % row_blocks * ROW_BLOCK, first = index / row_blocks * tiles;
        return {row, std::min(ROW_BLOCK, rows - row), first, std::min(first + tiles, all_tiles)};
    }
};

inline int bits_of(int kind) { return kind == F32 ? 32 : kind == Q8 ? 8 : kind == Q4 ? 4 : 16; }

// About how long two tiles take with this many rows, in microseconds of one thread: what their bytes or their
// arithmetic takes, at 11 GB/s and 100 to 300 G operations a second. Only the sizes of pieces hang on it.
inline double pair_cost(const Matrix& w, int rows) {
    const double numbers = 2.0 * TILE * w.k;
    const double speed = w.kind == F32 || w.kind == F16 ? 100e3 : w.kind == BF16 ? 170e3 : 300e3;
    return std::max(numbers * bits_of(w.kind) / 8 / 11e3, numbers * 2 * rows / speed);
}

// Pieces of about 12 microseconds: smaller where there would be less than eight, but not below 3; larger, up to 8 pairs
// of tiles, where a product is long.
inline Cut cut_product(const Matrix& w, int rows) {
    const int block = std::min(rows, ROW_BLOCK), row_blocks = (rows + ROW_BLOCK - 1) / ROW_BLOCK;
    const int all_tiles = (w.n + TILE - 1) / TILE, pairs = (all_tiles + 1) / 2;
    const double cost = pair_cost(w, block);
    int each = std::max(int(3.0 / cost), std::min(int(12.0 / cost), pairs * row_blocks / 8));
    if (cost * pairs > 400.0) each = std::max(each, std::min(8, int(24.0 / cost)));
    each = std::min(std::max(each, 1), pairs);
    return {row_blocks, 2 * each, all_tiles, (pairs + each - 1) / each * row_blocks};
}

}  // namespace dt
