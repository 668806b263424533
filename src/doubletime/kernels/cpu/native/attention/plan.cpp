#include "attention/plan.hpp"

#include <algorithm>

#include "attention/sharing.hpp"
#include "attention/table.hpp"
#include "pool.hpp"

namespace dt {
namespace {

constexpr int TASK_ROWS = 64;        // rows that are worked on together, if the heads of one token are not more
constexpr int READ_COST = 8;         // of a place, in rows: reading it costs as much as computing so many rows
constexpr int PIECES_A_THREAD = 4;

class Planner {
  public:
    Planner(const Model& model, const Batch& batch, int group)
        : batch_(batch), group_(group), kv_heads_(model.kv_heads), heads_a_group_(model.heads / model.kv_heads) {}

    AttentionPlan plan() {
        find_units();
        auto shared = shared_stretches(batch_, group_, plan_.units);
        int64_t most = largest_cost(shared);
        for (const auto& stretch : shared) add_shared(stretch, most);
        for (size_t i = 0; i < plan_.units.size(); i++) add_own(int32_t(i), most);
        place_records();
        std::stable_sort(plan_.tasks.begin(), plan_.tasks.end(),
                         [](const AttentionTask& a, const AttentionTask& b) { return a.cost > b.cost; });
        for (const auto& task : plan_.tasks) plan_.most_rows = std::max(plan_.most_rows, task.rows);
        return std::move(plan_);
    }

  private:
    void find_units() {
        const int size = std::max(1, TASK_ROWS / heads_a_group_);
        plan_.units.reserve(size_t(batch_.seqs));
        for (int32_t seq = 0, row = 0; seq < batch_.seqs; seq++) {
            const int32_t tokens = batch_.tokens[seq];
            for (int32_t at = 0; at < tokens; at += size) {
                add_unit(seq, row + at, std::min(size, tokens - at), batch_.start[seq] + at);
            }
            row += tokens;
        }
    }

    void add_unit(int32_t seq, int32_t row, int32_t tokens, int32_t position) {
        const int32_t window = batch_.caches[group_].window;
        const int32_t first = window > 0 ? std::max(0, position + 1 - window) / PARTITION : 0;
        const int32_t last = (position + tokens - 1) / PARTITION + 1;
        plan_.units.push_back({seq, row, tokens, position, first, last, first, 0, 0, 0});
    }

    int64_t cost(int32_t partitions, int32_t rows) const { return int64_t(partitions) * (READ_COST + rows); }

    int32_t rows_of(int32_t unit) const { return plan_.units[size_t(unit)].tokens * heads_a_group_; }

    // What a piece may cost so that the threads end together.
    int64_t largest_cost(const std::vector<SharedStretch>& shared) const {
        if (threads() == 1) return INT64_MAX;
        int64_t total = 0;
        for (const auto& stretch : shared) {
            int32_t rows = 0;
            for (int32_t unit : stretch.units) rows += rows_of(unit);
            total += cost(stretch.last - stretch.first, rows);
        }
        for (size_t i = 0; i < plan_.units.size(); i++) {
            total += cost(plan_.units[i].last - plan_.units[i].shared, rows_of(int32_t(i)));
        }
        return total * kv_heads_ / (threads() * PIECES_A_THREAD) + 1;
    }

    void add_shared(const SharedStretch& stretch, int64_t most) {
        for (size_t begin = 0; begin < stretch.units.size();) {
            size_t end = begin;
            int32_t rows = 0;
            do rows += rows_of(stretch.units[end++]);
            while (end < stretch.units.size() && rows + rows_of(stretch.units[end]) <= TASK_ROWS);
            add_stretch(stretch.units.data() + begin, int32_t(end - begin), rows, stretch.first, stretch.last, most);
            begin = end;
        }
    }

    // What a unit does not share.
    void add_own(int32_t index, int64_t most) {
        AttentionUnit& unit = plan_.units[size_t(index)];
        const int32_t rows = rows_of(index);
        if (unit.shared == unit.first && cost(unit.last - unit.first, rows) <= most) {
            add_task(&index, 1, rows, unit.first, unit.last);
        } else {
            add_stretch(&index, 1, rows, unit.shared, unit.last, most);
        }
    }

    // Tasks for partitions [first, last), none dearer than `most` unless it is a single partition; they leave records.
    void add_stretch(const int32_t* units, int32_t count, int32_t rows, int32_t first, int32_t last, int64_t most) {
        const int32_t step = int32_t(std::clamp<int64_t>(most / cost(1, rows), 1, std::max(1, last - first)));
        for (int32_t at = first; at < last; at += step) {
            const int32_t end = std::min(at + step, last);
            add_task(units, count, rows, at, end);
            for (int32_t i = 0; i < count; i++) {
                AttentionUnit& unit = plan_.units[size_t(units[i])];
                unit.tasks++;
                plan_.members[plan_.members.size() - size_t(count - i)].record = unit.records;
                unit.records += at == unit.first ? 1 : end - at;
            }
        }
    }

    void add_task(const int32_t* units, int32_t count, int32_t rows, int32_t first, int32_t last) {
        plan_.tasks.push_back({first, last, int32_t(plan_.members.size()), count, rows, cost(last - first, rows)});
        for (int32_t i = 0; i < count; i++) plan_.members.push_back({units[i], 0});
    }

    // Records get their numbers, a unit's one after another in the order of positions.
    void place_records() {
        for (auto& unit : plan_.units) {
            unit.record = plan_.records;
            plan_.records += int64_t(unit.records) * unit.tokens;
        }
        for (auto& member : plan_.members) {
            const AttentionUnit& unit = plan_.units[size_t(member.unit)];
            member.record = unit.record + member.record * unit.tokens;
        }
    }

    const Batch& batch_;
    const int group_, kv_heads_, heads_a_group_;
    AttentionPlan plan_;
};

}  // namespace

AttentionPlan plan_attention(const Model& model, const Batch& batch, int group) {
    return Planner(model, batch, group).plan();
}

}  // namespace dt
