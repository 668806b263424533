// What attention has to do in one step, cut into pieces that threads claim: made once, used by every layer of a KV
// group.
//
// A *unit* is a few neighbouring rows of one sequence. A *task* is a stretch of partitions for the rows of one or more
// units that have the same keys and values there: sequences whose block tables begin alike share the work on their
// common prefix, which is then read once for all of them (Hydragen, Juravsky et al. 2024). A unit that is one task gets
// its result from it. Otherwise tasks leave *records*, states that are merged in the order of positions by whichever
// task of the unit ends last: a record is a state from the first partition on, or of one partition, never more, so that
// the sequence of operations is the same however the work was cut.
#pragma once
#include <cstdint>
#include <vector>

#include "abi.hpp"

namespace dt {

struct AttentionUnit {
    int32_t seq, row, tokens;  // rows [row, row + tokens) of the batch
    int32_t position;          // of the first row
    int32_t first, last;       // partitions that any row looks at: [first, last)
    int32_t shared;            // partitions [first, shared) are worked on together with other units
    int32_t tasks;             // which leave records; 0: one task gives the result
    int64_t record;            // number of its first record; a record has `tokens` rows
    int32_t records;
};

// A unit's part in a task.
struct AttentionMember {
    int32_t unit;
    int64_t record;  // where the task's first record goes
};

struct AttentionTask {
    int32_t first, last;              // partitions
    int32_t members, member_count;    // in AttentionPlan::members
    int32_t rows;                     // of all members, each head counted
    int64_t cost;                     // for one KV head
};

struct AttentionPlan {
    std::vector<AttentionUnit> units;
    std::vector<AttentionMember> members;
    std::vector<AttentionTask> tasks;  // the longest first
    int64_t records = 0;               // rows of records
    int most_rows = 0;
};

AttentionPlan plan_attention(const Model& model, const Batch& batch, int group);

}  // namespace dt
