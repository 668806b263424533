// softmax(scale × q · kᵀ) · v of all rows of a batch, over a paged cache.
#pragma once
#include "abi.hpp"
#include "attention/plan.hpp"

namespace dt {

// queries and out: [rows][heads × head_dim], their rows `stride` floats apart; `out` may be the memory of `queries`.
// The cache holds the keys and values of these rows already; `plan` is that of the layer's KV group.
void attend(const Model& model, const Layer& layer, const Batch& batch, const AttentionPlan& plan, const float* queries,
            int64_t query_stride, float* out, int64_t out_stride);

}  // namespace dt
