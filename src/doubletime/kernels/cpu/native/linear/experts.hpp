// A mixture of experts over all threads: each row through the experts that its router chose.
#pragma once
#include "abi.hpp"

namespace dt {

// hidden[m] += Σ weights[m][j] × down_e(activation(gate_e(x[m])) · up_e(x[m])) with e = ids[m][j], by ascending e: one
// chain of sums for each element, whatever rows share the batch. Weights and ids are [rows, top_k], rows route_stride
// apart; the experts of a row differ, all experts have one form. x [rows, k] and hidden do not overlap. Uses scratch
// slots 0 to 4.
struct Experts {
    const Matrix *gate_ups, *downs;  // [count]; rows of gate and up alternate by tiles
    int count, top_k;
    Activation activation;
};
struct Routes {
    const float* weights;
    const int32_t* ids;
    int64_t stride;
};
void experts(const Experts& layer, const Routes& routes, const float* x, int64_t x_stride, int rows, float* hidden,
             int64_t hidden_stride);

}  // namespace dt
