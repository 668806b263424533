#include "kv/kv.hpp"

#include <algorithm>
#include <cmath>

#include "../kernels.hpp"
#include "kv/tiles.hpp"
#include "pool.hpp"

namespace dt {
namespace {

constexpr int PIECE_ROWS = 8;
constexpr int HEAD_SCRATCH = 6;  // attention uses it too, at another time

// Calls f(seq, row, position) for rows [first, last) of the batch.
template <class F>
void each_row(const Batch& batch, int32_t first, int32_t last, F f) {
    for (int32_t seq = 0, row = 0; seq < batch.seqs && row < last; row += batch.tokens[seq++]) {
        const int32_t begin = std::max(first, row), end = std::min(last, row + batch.tokens[seq]);
        for (int32_t r = begin; r < end; r++) f(seq, r, batch.start[seq] + r - row);
    }
}

// Calls f(seq, row, position) for all rows, on all threads.
template <class F>
void each_row(const Batch& batch, F f) {
    parallel((batch.rows + PIECE_ROWS - 1) / PIECE_ROWS, [&](int piece, int) {
        each_row(batch, piece * PIECE_ROWS, std::min(batch.rows, (piece + 1) * PIECE_ROWS), f);
    });
}

// One layer's step from projections to the cache.
class Writer {
  public:
    Writer(const Model& model, const Layer& layer, const Batch& batch, const RopeTable& rope)
        : model_(model), layer_(layer), batch_(batch), cache_(batch.caches[layer.group]), rope_(rope),
          kernels_(kernels()), dim_(model.head_dim) {}

    void write(int32_t seq, int32_t row, int32_t position, const float* qkv, float* queries) const {
        for (int h = 0; h < model_.heads; h++) turn(layer_.query_norm, row, qkv + h * dim_, queries + h * dim_);
        const int64_t block = blocks_of(batch_, layer_.group, seq)[position / cache_.block_tokens];
        const int64_t slot = block * cache_.block_tokens + position % cache_.block_tokens;
        const int64_t tile = slot / TILE * tile_bytes(cache_.kind, dim_);
        const int place = int(slot % TILE);
        const float* keys = qkv + model_.heads * dim_;
        const float* values = keys + model_.kv_heads * dim_;
        float* key = static_cast<float*>(scratch(HEAD_SCRATCH, dim_ * int64_t(sizeof(float))));
        for (int h = 0; h < model_.kv_heads; h++) {
            turn(layer_.key_norm, row, keys + h * dim_, key);
            uint8_t* key_tile = tiles_of(cache_, layer_, KEYS, h) + tile;
            uint8_t* value_tile = tiles_of(cache_, layer_, VALUES, h) + tile;
            kernels_.attention.store_key(Kind(cache_.kind), key, dim_, key_tile, place);
            kernels_.attention.store_value(Kind(cache_.kind), values + h * dim_, dim_, value_tile, place);
        }
    }

  private:
    // Norm, where there is one, and rotation of one head.
    void turn(const Norm& norm, int32_t row, const float* x, float* out) const {
        if (norm.weight != nullptr) {
            kernels_.rms_norm(norm, x, dim_, out);
            x = out;
        }
        kernels_.attention.rotate(x, rope_.cosines(row), rope_.sines(row), rope_.half, out);
    }

    const Model& model_;
    const Layer& layer_;
    const Batch& batch_;
    const Cache& cache_;
    const RopeTable& rope_;
    const Kernels& kernels_;
    const int dim_;
};

}  // namespace

RopeTable rope_table(const Model& model, const Batch& batch, int rope) {
    const int half = model.head_dim / 2;
    RopeTable table{half, std::vector<float>(size_t(batch.rows) * 2 * size_t(half))};
    const float* frequencies = model.frequencies[rope];
    each_row(batch, [&](int32_t, int32_t row, int32_t position) {
        float* angles = table.angles.data() + int64_t(row) * 2 * half;
        for (int i = 0; i < half; i++) {
            const float angle = float(position) * frequencies[i];
            angles[i] = std::cos(angle);
            angles[half + i] = std::sin(angle);
        }
    });
    return table;
}

void store_kv(const Model& model, const Layer& layer, const Batch& batch, const RopeTable& rope, const float* qkv,
              int64_t qkv_stride, float* queries, int64_t query_stride) {
    const Writer writer(model, layer, batch, rope);
    each_row(batch, [&](int32_t seq, int32_t row, int32_t position) {
        writer.write(seq, row, position, qkv + row * qkv_stride, queries + row * query_stride);
    });
}

}  // namespace dt
