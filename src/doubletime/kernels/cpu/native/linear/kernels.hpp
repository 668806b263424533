// The table of this level's linear kernels.
#pragma once
#include "linear/pack.hpp"
#include "linear/peak.hpp"
#include "linear/product.hpp"

namespace dt::DT_LEVEL {

inline LinearKernels linear_kernels() {
    return {pack_bytes, pack, unpack_row, prepared_bytes, prepare, product, peak, read};
}

}  // namespace dt::DT_LEVEL
