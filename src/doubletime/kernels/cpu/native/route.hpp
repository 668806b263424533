// Which experts a row visits.
#pragma once
#include "abi.hpp"

namespace dt {

// The layer.top_k likeliest of layer.experts, by the softmax of `logits`: their weights and ids, likeliest first; of
// equals the lower id. Overwrites `logits`.
void route(float* logits, const Layer& layer, float* weights, int32_t* ids);

}  // namespace dt
