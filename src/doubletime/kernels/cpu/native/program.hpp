// A model as a program: its operators in order, over the rows of a step.
#pragma once
#include "abi.hpp"

namespace dt {

// What the rows of a step bring along between operators. `hidden` [rows][model.hidden] is the residual stream. `work`
// holds what one operator leaves for the next, a row at a time: queries after project; what they attended to after
// attend; inner rows after gate, or, of a sparse layer, the normed row [hidden], the weights [top_k] of its experts and
// their ids [top_k] (as int32).
struct Rows {
    float* hidden;
    float* work;
    int64_t work_stride;
};

// The first sequence of the batch that lacks a block which its rows would write to, or -1.
int unwritable(const Batch& batch);

// Runs operators [first, last). Returns the depth reached: less than `last` where *stop became true (null: never does).
int run(const Model& model, const Batch& batch, const Rows& rows, int first, int last, const volatile int32_t* stop);

}  // namespace dt
