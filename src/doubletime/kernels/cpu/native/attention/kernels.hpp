// The table of this level's kernels of keys, values and attention.
#pragma once
#include "attention/partition.hpp"
#include "attention/softmax.hpp"
#include "attention/table.hpp"
#include "kv/kernels.hpp"
#if defined(DT_LEVEL_AVX512)
#include "attention/pairs.hpp"
#endif

namespace dt::DT_LEVEL {

inline void partition(const PartitionWork& work) {
#if defined(DT_LEVEL_AVX512)
    if (work.kind == BF16 && work.dim % LANES == 0) return partition_of_pairs(work);
#endif
    switch (work.kind) {
        case F16: return partition_of<F16>(work);
        case BF16: return partition_of<BF16>(work);
        case Q8: return partition_of<Q8>(work);
        default: return partition_of<F32>(work);
    }
}

inline AttentionKernels attention_kernels() {
    return {scale, partition, merge, finish, rotate, store_key, store_value};
}

}  // namespace dt::DT_LEVEL
