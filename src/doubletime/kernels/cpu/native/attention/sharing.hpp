// Finds the units of a batch whose sequences begin with the same blocks.
#pragma once
#include <vector>

#include "attention/plan.hpp"

namespace dt {

// Partitions [first, last) that these units have in common.
struct SharedStretch {
    int32_t first, last;
    std::vector<int32_t> units;
};

// Also sets `shared` of the units concerned. Groups with a window share nothing: what they look at is short.
std::vector<SharedStretch> shared_stretches(const Batch& batch, int group, std::vector<AttentionUnit>& units);

}  // namespace dt
