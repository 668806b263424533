// From projections to queries, and to keys and values in the cache.
#pragma once
#include <vector>

#include "abi.hpp"

namespace dt {

// Cosines and sines of position × frequency for each row of a batch.
struct RopeTable {
    int half;                   // pairs in a head
    std::vector<float> angles;  // [rows][2][half]: cosines, then sines

    const float* cosines(int row) const { return angles.data() + int64_t(row) * 2 * half; }
    const float* sines(int row) const { return cosines(row) + half; }
};

// Computed in float32, as Hugging Face does, from number `rope` of the model's tables of frequencies.
RopeTable rope_table(const Model& model, const Batch& batch, int rope);

// For each row of `qkv`, [rows][(heads + 2 kv_heads) × head_dim]: norms of queries and keys where the layer has them,
// rotation, queries to `queries`, [rows][heads × head_dim], keys and values to their places in the layer's cache.
void store_kv(const Model& model, const Layer& layer, const Batch& batch, const RopeTable& rope, const float* qkv,
              int64_t qkv_stride, float* queries, int64_t query_stride);

}  // namespace dt
