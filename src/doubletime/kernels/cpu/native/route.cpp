#include "route.hpp"

#include <algorithm>
#include <cmath>

namespace dt {
namespace {

void softmax(float* x, int count) {
    const float highest = *std::max_element(x, x + count);
    float total = 0;
    for (int i = 0; i < count; i++) total += x[i] = std::exp(x[i] - highest);
    for (int i = 0; i < count; i++) x[i] /= total;
}

}  // namespace

void route(float* logits, const Layer& layer, float* weights, int32_t* ids) {
    softmax(logits, layer.experts);
    float total = 0;
    for (int k = 0; k < layer.top_k; k++) {
        ids[k] = int32_t(std::max_element(logits, logits + layer.experts) - logits);
        total += weights[k] = logits[ids[k]];
        logits[ids[k]] = -1;
    }
    if (!layer.normalize) return;
    for (int k = 0; k < layer.top_k; k++) weights[k] /= total;
}

}  // namespace dt
