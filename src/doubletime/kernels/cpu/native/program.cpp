#include "program.hpp"

#include <optional>
#include <vector>

#include "attention/attention.hpp"
#include "attention/plan.hpp"
#include "kernels.hpp"
#include "kv/kv.hpp"
#include "linear/experts.hpp"
#include "linear/linear.hpp"
#include "pool.hpp"
#include "route.hpp"

namespace dt {
namespace {

constexpr int PROJECTED = 0, ADDED = 1;  // arenas of a step

// Memory that lasts from step to step; only the caller's thread asks for it.
float* arena(int which, int64_t floats) {
    static thread_local std::vector<float> arenas[2];
    auto& own = arenas[which];
    if (int64_t(own.size()) < floats) own.resize(size_t(floats + floats / 4));
    return own.data();
}

// One pass over the rows of a step. What layers share, rope tables and attention plans, is made when first needed.
class Pass {
  public:
    Pass(const Model& model, const Batch& batch, const Rows& rows)
        : model_(model), batch_(batch), rows_(rows), ropes_(size_t(model.ropes)), plans_(size_t(batch.groups)) {}

    void operator()(int depth) {
        const Layer& layer = model_.layer[depth / OPERATORS];
        switch (depth % OPERATORS) {
            case 0: return project(layer);
            case 1: return attend_all(layer);
            case 2: return add(layer.out, layer.after);
            case 3: return layer.experts ? choose_experts(layer) : gate(layer);
            default: return layer.experts ? visit_experts(layer) : add(layer.down, layer.mlp_after);
        }
    }

  private:
    void project(const Layer& layer) {
        const int64_t width = (int64_t(layer.qkv.n) + TILE - 1) / TILE * TILE;
        float* qkv = arena(PROJECTED, width * batch_.rows);
        linear(layer.qkv, rows_.hidden, model_.hidden, batch_.rows, &layer.before, {qkv, width, Store::SET, SILU});
        store_kv(model_, layer, batch_, rope(layer.rope), qkv, width, rows_.work, rows_.work_stride);
    }

    void attend_all(const Layer& layer) {
        attend(model_, layer, batch_, plan(layer.group), rows_.work, rows_.work_stride, rows_.work, rows_.work_stride);
    }

    void gate(const Layer& layer) {
        Target inner{rows_.work, rows_.work_stride, Store::GATED, Activation(layer.activation)};
        linear(layer.gate_up, rows_.hidden, model_.hidden, batch_.rows, &layer.mlp_before, inner);
    }

    // hidden += after(w · work), where `after` may be no norm at all.
    void add(const Matrix& w, const Norm& after) {
        if (after.weight == nullptr) {
            Target residual{rows_.hidden, model_.hidden, Store::ADD, SILU};
            return linear(w, rows_.work, rows_.work_stride, batch_.rows, nullptr, residual);
        }
        float* added = arena(ADDED, int64_t(model_.hidden + TILE) * batch_.rows);
        linear(w, rows_.work, rows_.work_stride, batch_.rows, nullptr, {added, model_.hidden, Store::SET, SILU});
        parallel(batch_.rows, [&](int row, int) {
            float* from = added + int64_t(row) * model_.hidden;
            float* to = rows_.hidden + int64_t(row) * model_.hidden;
            kernels().rms_norm(after, from, model_.hidden, from);
            for (int i = 0; i < model_.hidden; i++) to[i] += from[i];
        });
    }

    void choose_experts(const Layer& layer) {
        const int64_t width = (int64_t(layer.experts) + TILE - 1) / TILE * TILE;
        float* logits = arena(PROJECTED, width * batch_.rows);
        parallel(batch_.rows, [&](int row, int) {
            const float* hidden = rows_.hidden + int64_t(row) * model_.hidden;
            kernels().rms_norm(layer.mlp_before, hidden, model_.hidden, rows_.work + row * rows_.work_stride);
        });
        Target chosen{logits, width, Store::SET, SILU};
        linear(layer.router, rows_.work, rows_.work_stride, batch_.rows, nullptr, chosen);
        parallel(batch_.rows, [&](int row, int) {
            float* weights = rows_.work + row * rows_.work_stride + model_.hidden;
            route(logits + row * width, layer, weights, reinterpret_cast<int32_t*>(weights + layer.top_k));
        });
    }

    void visit_experts(const Layer& layer) {
        const float* weights = rows_.work + model_.hidden;
        const auto* ids = reinterpret_cast<const int32_t*>(weights + layer.top_k);
        experts({layer.gate_ups, layer.downs, layer.experts, layer.top_k, Activation(layer.activation)},
                {weights, ids, rows_.work_stride}, rows_.work, rows_.work_stride, batch_.rows, rows_.hidden, model_.hidden);
    }

    const RopeTable& rope(int which) {
        auto& own = ropes_[size_t(which)];
        if (!own) own.emplace(rope_table(model_, batch_, which));
        return *own;
    }

    const AttentionPlan& plan(int group) {
        auto& own = plans_[size_t(group)];
        if (!own) own.emplace(plan_attention(model_, batch_, group));
        return *own;
    }

    const Model& model_;
    const Batch& batch_;
    const Rows& rows_;
    std::vector<std::optional<RopeTable>> ropes_;
    std::vector<std::optional<AttentionPlan>> plans_;
};

}  // namespace

int unwritable(const Batch& batch) {
    for (int group = 0; group < batch.groups; group++) {
        const int64_t size = batch.caches[group].block_tokens, width = batch.table_width[group];
        for (int seq = 0; seq < batch.seqs; seq++) {
            const int64_t* blocks = batch.tables[group] + batch.table_rows[group][seq] * width;
            const int64_t last = (batch.start[seq] + batch.tokens[seq] - 1) / size;
            for (int64_t at = batch.start[seq] / size; at <= last; at++) {
                if (at >= width || blocks[at] < 0) return seq;
            }
        }
    }
    return -1;
}

int run(const Model& model, const Batch& batch, const Rows& rows, int first, int last, const volatile int32_t* stop) {
    rouse();
    Pass pass(model, batch, rows);
    int depth = first;
    for (; depth < last && !(stop != nullptr && *stop); depth++) pass(depth);
    return depth;
}

}  // namespace dt
