#include "linear/experts.hpp"

#include <cstring>
#include <vector>

#include "../kernels.hpp"
#include "linear/cut.hpp"
#include "linear/linear.hpp"
#include "pool.hpp"

namespace dt {
namespace {

constexpr int PREPARED_SLOT = 1, INNER_SLOT = 3, OUT_SLOT = 4;

// Slots: the (row, choice) pairs sorted by expert, then by row. Expert e has slots [first[e], first[e + 1]).
struct Slots {
    std::vector<int> first, row;
    std::vector<float> weight;
    std::vector<int> active;  // experts that have any

    Slots(const Experts& layer, const Routes& routes, int rows) : first(size_t(layer.count) + 2) {
        const int choices = rows * layer.top_k;
        auto at = [&](int i) { return i / layer.top_k * routes.stride + i % layer.top_k; };
        for (int i = 0; i < choices; i++) first[size_t(routes.ids[at(i)]) + 2]++;
        for (size_t e = 2; e < first.size(); e++) {
            if (first[e] > 0) active.push_back(int(e) - 2);
            first[e] += first[e - 1];
        }
        row.resize(size_t(choices));
        weight.resize(size_t(choices));
        for (int i = 0; i < choices; i++) {
            const auto slot = size_t(first[size_t(routes.ids[at(i)]) + 1]++);
            row[slot] = i / layer.top_k;
            weight[slot] = routes.weights[at(i)];
        }
    }
    int count() const { return int(row.size()); }
    int of(int expert) const { return first[size_t(expert) + 1] - first[size_t(expert)]; }
};

// Pieces of the experts' first products: `cuts` of each active expert, one after another.
struct Pieces {
    std::vector<Cut> cuts;
    std::vector<int> begin{0};

    Pieces(const Matrix* matrices, const Slots& slots) {
        for (int e : slots.active) {
            cuts.push_back(cut_product(matrices[e], slots.of(e)));
            begin.push_back(begin.back() + cuts.back().pieces);
        }
    }
    // Which active expert piece i belongs to.
    size_t owner(int i) const { return size_t(std::upper_bound(begin.begin(), begin.end(), i) - begin.begin()) - 1; }
};

struct Run {
    const Experts& layer;
    const Slots slots;
    const LinearKernels& level = kernels().linear;

    const Matrix& gate_up() const { return layer.gate_ups[0]; }
    const Matrix& down() const { return layer.downs[0]; }

    // Rows as the first product wants them, by slots.
    uint8_t* gather(const float* x, int64_t x_stride, int64_t bytes) const {
        auto prepared = (uint8_t*)scratch(PREPARED_SLOT, bytes * slots.count());
        const int each = std::max(1, (1 << 14) / gate_up().k);
        parallel((slots.count() + each - 1) / each, [&](int piece, int) {
            for (int s = piece * each; s < std::min(slots.count(), (piece + 1) * each); s++) {
                level.prepare(gate_up(), x + slots.row[size_t(s)] * x_stride, prepared + s * bytes);
            }
        });
        return prepared;
    }

    // activation(gate) × up by slots, [slots, width], and that as the second product wants it.
    const uint8_t* inner(const uint8_t* prepared, int64_t in_bytes, int64_t out_bytes) const {
        const int64_t width = gate_up().n / 2;  // that of `down`, and what fills the last tile
        auto values = (float*)scratch(INNER_SLOT, width * 4 * slots.count());
        const Pieces pieces(layer.gate_ups, slots);
        parallel(pieces.begin.back(), [&](int index, int) {
            const size_t i = pieces.owner(index);
            const int e = slots.active[i];
            const Cut::Piece p = pieces.cuts[i].piece(index - pieces.begin[i], slots.of(e));
            const int slot = slots.first[size_t(e)] + p.row;
            const Target target{values + slot * width, width, Store::GATED, layer.activation};
            level.product(layer.gate_ups[e], prepared + slot * in_bytes, p.rows, target, p.first, p.last);
        });
        auto out = (uint8_t*)scratch(PREPARED_SLOT, out_bytes * slots.count());
        const int each = std::max(1, (1 << 14) / down().k);
        parallel((slots.count() + each - 1) / each, [&](int piece, int) {
            for (int s = piece * each; s < std::min(slots.count(), (piece + 1) * each); s++) {
                level.prepare(down(), values + s * width, out + s * out_bytes);
            }
        });
        return out;
    }

    // Some tiles of the second products of all experts in order, added to the rows.
    void add_tiles(const uint8_t* prepared, int64_t bytes, int first, int last, float* hidden, int64_t stride) const {
        const int from = first * TILE, width = std::min(last * TILE, down().n) - from;
        auto out = (float*)scratch(OUT_SLOT, int64_t(4) * ROW_BLOCK * width);
        for (int e : slots.active) {
            for (int s = slots.first[size_t(e)]; s < slots.first[size_t(e) + 1]; s += ROW_BLOCK) {
                const int rows = std::min(ROW_BLOCK, slots.first[size_t(e) + 1] - s);
                const Target target{out - from, width, Store::SET, layer.activation};
                level.product(layer.downs[e], prepared + s * bytes, rows, target, first, last);
                for (int m = 0; m < rows; m++) {
                    float* row = hidden + slots.row[size_t(s + m)] * stride + from;
                    const float weight = slots.weight[size_t(s + m)];
                    for (int i = 0; i < width; i++) row[i] += weight * out[m * width + i];
                }
            }
        }
    }
};

}  // namespace

void experts(const Experts& layer, const Routes& routes, const float* x, int64_t x_stride, int rows, float* hidden,
             int64_t hidden_stride) {
    if (rows <= 0) return;
    const Run run{layer, Slots(layer, routes, rows)};
    const int64_t in_bytes = run.level.prepared_bytes(run.gate_up()), out_bytes = run.level.prepared_bytes(run.down());
    const uint8_t* prepared = run.inner(run.gather(x, x_stride, in_bytes), in_bytes, out_bytes);
    const Cut cut = cut_product(run.down(), std::min(ROW_BLOCK, run.slots.count()));
    parallel(cut.pieces, [&](int index, int) {
        const Cut::Piece p = cut.piece(index, 1);
        run.add_tiles(prepared, out_bytes, p.first, p.last, hidden, hidden_stride);
    });
}

}  // namespace dt
