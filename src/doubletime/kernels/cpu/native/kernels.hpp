// The kernels of one level, as a table that the rest of the library calls through.
//
// Kernels know nothing of threads: each computes the part of a result that it is told to. What an element of a result is
// does not depend on how the work was cut: for every number of rows, and every way to split them, one element is the same
// sequence of the same operations.
#pragma once
#include "abi.hpp"
#include "attention/table.hpp"
#include "linear/table.hpp"
#include "sampling/table.hpp"

namespace dt {

struct Kernels {
    const char* name;
    LinearKernels linear;
    AttentionKernels attention;
    SamplingKernels sampling;
    void (*rms_norm)(const Norm& norm, const float* x, int width, float* out);
};

const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

// The level that runs: the best that this processor has, or what `dt_set_level` chose.
const Kernels& kernels();

}  // namespace dt
