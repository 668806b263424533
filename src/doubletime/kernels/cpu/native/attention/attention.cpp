#include "attention/attention.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "../kernels.hpp"
#include "kv/tiles.hpp"
#include "pool.hpp"

namespace dt {
namespace {

constexpr float LOG2_E = 1.44269504088896341f;  // scores are kept in units of log2: weights are powers of two
constexpr int WORKER_SCRATCH = 6, RECORD_SCRATCH = 7;

constexpr int AHEAD = 8;  // so many tiles before a tile is read, fetching it begins

// The tiles of a partition that any row looks at: [begin, end).
struct Tiles {
    int begin = 0, end = 0;
    const uint8_t* keys[PARTITION_TILES];
    const uint8_t* values[PARTITION_TILES];
};

// For each tile of a partition the one that is read AHEAD tiles later: keys, then values, then the next keys.
struct Later {
    const uint8_t* keys[PARTITION_TILES];
    const uint8_t* values[PARTITION_TILES];

    Later(const Tiles& now, const Tiles& next) {
        const uint8_t* order[3 * PARTITION_TILES];
        auto* end = std::copy(now.keys + now.begin, now.keys + now.end, order);
        end = std::copy(now.values + now.begin, now.values + now.end, end);
        end = std::copy(next.keys + next.begin, next.keys + next.end, end);
        for (int i = now.begin; i < now.end; i++) {
            const auto* key = order + (i - now.begin) + AHEAD;
            const auto* value = key + (now.end - now.begin);
            keys[i] = key < end ? *key : now.keys[i];
            values[i] = value < end ? *value : now.values[i];
        }
    }
};

int64_t rounded(int64_t floats) { return (floats + TILE - 1) / TILE * TILE; }

// One layer's attention.
class Attention {
  public:
    Attention(const Model& model, const Layer& layer, const Batch& batch, const AttentionPlan& plan,
              const float* queries, int64_t query_stride, float* out, int64_t out_stride)
        : model_(model), layer_(layer), batch_(batch), cache_(batch.caches[layer.group]), plan_(plan),
          kernels_(kernels().attention), queries_(queries), query_stride_(query_stride), out_(out),
          out_stride_(out_stride), dim_(model.head_dim), group_heads_(model.heads / model.kv_heads),
          state_(state_floats(model.head_dim)) {}

    void run() {
        make_records();
        parallel(int(plan_.tasks.size()) * model_.kv_heads, [this](int piece, int) {
            work(plan_.tasks[size_t(piece / model_.kv_heads)], piece % model_.kv_heads);
        });
    }

  private:
    // What a thread needs for a task; each array has an element a row.
    struct Room {
        float* queries;
        float* states;   // of the positions until now
        float* next;     // of one partition
        float* kernel;
        int32_t* positions;
        int32_t* first;
        int32_t* last;
    };

    // Records of all heads, and how many tasks of each unit and KV head have ended.
    void make_records() {
        if (plan_.records == 0) return;
        const int64_t floats = plan_.records * model_.heads * state_;
        const int64_t counts = int64_t(plan_.units.size()) * model_.kv_heads;
        records_ = static_cast<float*>(scratch(RECORD_SCRATCH, (floats + rounded(counts)) * int64_t(sizeof(float))));
        ended_ = reinterpret_cast<std::atomic<int32_t>*>(records_ + floats);
        for (int64_t i = 0; i < counts; i++) new (ended_ + i) std::atomic<int32_t>(0);
    }

    float* record(int64_t number, int head) const { return records_ + (number * model_.heads + head) * state_; }

    Room room(int rows) const {
        const int64_t each = rounded(int64_t(rows) * dim_), kernel = room_floats(rows, dim_), integers = rounded(rows);
        const int64_t floats = each + 2 * rows * state_ + kernel + 3 * integers;
        float* at = static_cast<float*>(scratch(WORKER_SCRATCH, floats * int64_t(sizeof(float))));
        float* states = at + each;
        float* own = states + 2 * rows * state_;
        auto* positions = reinterpret_cast<int32_t*>(own + kernel);
        return {at, states, states + rows * state_, own, positions, positions + integers, positions + 2 * integers};
    }

    // Calls f(member, unit, token, row) for the tokens of a task; `row` is that of its first head.
    template <class F>
    void each_token(const AttentionTask& task, F f) const {
        for (int32_t i = 0, row = 0; i < task.member_count; i++) {
            const AttentionMember& member = plan_.members[size_t(task.members + i)];
            const AttentionUnit& unit = plan_.units[size_t(member.unit)];
            for (int32_t token = 0; token < unit.tokens; token++, row += group_heads_) f(member, unit, token, row);
        }
    }

    void work(const AttentionTask& task, int kv_head) {
        const Room own = room(plan_.most_rows);
        gather(task, kv_head, own);
        const int32_t base = plan_.units[size_t(plan_.members[size_t(task.members)].unit)].first;
        const bool fold = task.first == base;
        if (fold) forget(own.states, task.rows);
        Tiles tiles = find_tiles(task, kv_head, task.first, own);
        for (int32_t partition = task.first; partition < task.last; partition++) {
            const Tiles next = partition + 1 < task.last ? find_tiles(task, kv_head, partition + 1, own) : Tiles();
            compute(task, partition, tiles, next, own);
            tiles = next;
            if (fold) {
                for (int32_t r = 0; r < task.rows; r++) {
                    kernels_.merge(own.states + r * state_, own.next + r * state_, dim_);
                }
            } else {
                keep(task, kv_head, partition - task.first, own.next);
            }
        }
        end(task, kv_head, fold, own);
    }

    void forget(float* states, int32_t rows) const {
        for (int32_t r = 0; r < rows; r++) states[r * state_ + state_width(dim_)] = -INFINITY;
    }

    // Queries side by side, scaled so that scores come out in units of log2, or of the cap.
    void gather(const AttentionTask& task, int kv_head, const Room& own) const {
        const float factor = layer_.soft_cap > 0.0f ? layer_.scale / layer_.soft_cap : layer_.scale * LOG2_E;
        const int n = group_heads_ * dim_;
        each_token(task, [&](const AttentionMember&, const AttentionUnit& unit, int32_t token, int32_t row) {
            const float* from = queries_ + (unit.row + token) * query_stride_ + int64_t(kv_head) * n;
            kernels_.scale(from, n, factor, own.queries + int64_t(row) * dim_);
            std::fill_n(own.positions + row, group_heads_, unit.position + token);
        });
    }

    // Sets the places of a partition that each row looks at.
    void look(const AttentionTask& task, int32_t partition, const Room& own) const {
        for (int32_t r = 0; r < task.rows; r++) {
            own.first[r] = first_place(partition, own.positions[r]);
            own.last[r] = last_place(partition, own.positions[r]);
        }
    }

    int32_t first_place(int32_t partition, int32_t position) const {
        return cache_.window > 0 ? std::max(0, position + 1 - cache_.window - partition * PARTITION) : 0;
    }
    static int32_t last_place(int32_t partition, int32_t position) {
        return std::min(PARTITION, position + 1 - partition * PARTITION);
    }

    void compute(const AttentionTask& task, int32_t partition, const Tiles& tiles, const Tiles& next,
                 const Room& own) const {
        look(task, partition, own);
        const Later later(tiles, next);
        const float cap = layer_.soft_cap > 0.0f ? layer_.soft_cap * LOG2_E : 0.0f;
        kernels_.partition({own.queries, task.rows, dim_, Kind(cache_.kind), tiles.keys, tiles.values, later.keys,
                            later.values, own.first, own.last, cap, own.next, own.kernel});
    }

    // All members of a task have the same tiles. The first row looks back farthest, the last one ends last.
    Tiles find_tiles(const AttentionTask& task, int kv_head, int32_t partition, const Room& own) const {
        const AttentionUnit& unit = plan_.units[size_t(plan_.members[size_t(task.members)].unit)];
        const int64_t* blocks = blocks_of(batch_, layer_.group, unit.seq);
        const uint8_t* key = tiles_of(cache_, layer_, KEYS, kv_head);
        const uint8_t* value = tiles_of(cache_, layer_, VALUES, kv_head);
        const int64_t bytes = tile_bytes(cache_.kind, dim_);
        const int block_tiles = cache_.block_tokens / TILE;
        Tiles tiles;
        tiles.begin = first_place(partition, own.positions[0]) / TILE;
        tiles.end = (last_place(partition, own.positions[task.rows - 1]) + TILE - 1) / TILE;
        const int from = partition * PARTITION_TILES + tiles.begin;
        int64_t block = from / block_tiles, within = from % block_tiles;
        for (int i = tiles.begin; i < tiles.end; i++) {
            const int64_t offset = (blocks[block] * block_tiles + within) * bytes;
            tiles.keys[i] = key + offset;
            tiles.values[i] = value + offset;
            if (++within == block_tiles) {
                within = 0;
                block++;
            }
        }
        return tiles;
    }

    // Leaves states as record number `after` of the task.
    void keep(const AttentionTask& task, int kv_head, int32_t after, const float* states) const {
        each_token(task, [&](const AttentionMember& member, const AttentionUnit& unit, int32_t token, int32_t row) {
            float* to = record(member.record + int64_t(after) * unit.tokens + token, kv_head * group_heads_);
            std::memcpy(to, states + row * state_, size_t(group_heads_ * state_) * sizeof(float));
        });
    }

    void end(const AttentionTask& task, int kv_head, bool fold, const Room& own) {
        const AttentionUnit& unit = plan_.units[size_t(plan_.members[size_t(task.members)].unit)];
        if (unit.tasks == 0) {
            each_token(task, [&](const AttentionMember&, const AttentionUnit& one, int32_t token, int32_t row) {
                give(one.row + token, kv_head, own.states + row * state_);
            });
            return;
        }
        if (fold) keep(task, kv_head, 0, own.states);
        for (int32_t i = 0; i < task.member_count; i++) {
            const int32_t index = plan_.members[size_t(task.members + i)].unit;
            std::atomic<int32_t>& ended = ended_[int64_t(index) * model_.kv_heads + kv_head];
            const AttentionUnit& one = plan_.units[size_t(index)];
            if (ended.fetch_add(1, std::memory_order_acq_rel) + 1 == one.tasks) merge(one, kv_head);
        }
    }

    // All records of a unit are there.
    void merge(const AttentionUnit& unit, int kv_head) const {
        for (int32_t token = 0; token < unit.tokens; token++) {
            float* states = record(unit.record + token, kv_head * group_heads_);
            for (int32_t i = 1; i < unit.records; i++) {
                const float* next = record(unit.record + int64_t(i) * unit.tokens + token, kv_head * group_heads_);
                for (int h = 0; h < group_heads_; h++) kernels_.merge(states + h * state_, next + h * state_, dim_);
            }
            give(unit.row + token, kv_head, states);
        }
    }

    // The result of a row from the states of its heads.
    void give(int32_t row, int kv_head, const float* states) const {
        for (int h = 0; h < group_heads_; h++) {
            const int head = kv_head * group_heads_ + h;
            const float sink = layer_.sinks != nullptr ? layer_.sinks[head] * LOG2_E : -INFINITY;
            kernels_.finish(states + h * state_, sink, dim_, out_ + row * out_stride_ + int64_t(head) * dim_);
        }
    }

    const Model& model_;
    const Layer& layer_;
    const Batch& batch_;
    const Cache& cache_;
    const AttentionPlan& plan_;
    const AttentionKernels& kernels_;
    const float* queries_;
    const int64_t query_stride_;
    float* out_;
    const int64_t out_stride_;
    const int dim_, group_heads_;
    const int64_t state_;
    float* records_ = nullptr;
    std::atomic<int32_t>* ended_ = nullptr;
};

}  // namespace

void attend(const Model& model, const Layer& layer, const Batch& batch, const AttentionPlan& plan, const float* queries,
            int64_t query_stride, float* out, int64_t out_stride) {
    Attention(model, layer, batch, plan, queries, query_stride, out, out_stride).run();
}

}  // namespace dt
