// A linear layer over all threads.
#pragma once
#include "abi.hpp"
#include "linear/table.hpp"

namespace dt {

// target ← x · wᵀ + bias for rows x [rows, k] that lie x_stride floats apart, each normed first unless `norm` is null
// or has no weight. The target overlaps nothing that is read but itself. Uses scratch slots 0 to 2.
void linear(const Matrix& w, const float* x, int64_t x_stride, int rows, const Norm* norm, const Target& target);

// One row as a product with `w` wants it.
void norm_and_prepare(const Matrix& w, const float* x, const Norm* norm, void* prepared);

}  // namespace dt
