// Where the tiles of a cache lie.
#pragma once
#include "abi.hpp"

namespace dt {

constexpr int64_t item_bytes(int32_t kind) { return kind == F32 ? 4 : kind == Q8 ? 1 : 2; }

constexpr int64_t tile_bytes(int32_t kind, int dim) {
    return TILE * dim * item_bytes(kind) + (kind == Q8 ? TILE * int64_t(sizeof(float)) : 0);
}

enum Part { KEYS = 0, VALUES = 1 };

// The tiles of one head's keys or values in one layer.
inline uint8_t* tiles_of(const Cache& cache, const Layer& layer, Part part, int head) {
    return cache.data + layer.index * cache.layer_bytes + part * cache.part_bytes + head * cache.head_bytes;
}

// The blocks of sequence `seq` in a KV group.
inline const int64_t* blocks_of(const Batch& batch, int group, int seq) {
    return batch.tables[group] + batch.table_rows[group][seq] * batch.table_width[group];
}

}  // namespace dt
