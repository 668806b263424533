// Linear layers for Python: see ../../pack.py.
#include <algorithm>

#include "../kernels.hpp"
#include "linear/experts.hpp"
#include "linear/linear.hpp"
#include "pool.hpp"


#define DT_EXPORT extern "C" __attribute__((visibility("default")))

using namespace dt;

DT_EXPORT int64_t dt_pack_bytes(const Matrix* form) { return kernels().linear.pack_bytes(*form); }

// `values`, `scales` and `mins` as LinearKernels::pack has them; `packed` has dt_pack_bytes(form) bytes, aligned to 64.
DT_EXPORT void dt_pack(const Matrix* form, const void* values, const float* scales, const float* mins, void* packed) {
    constexpr int EACH = 2;  // tiles
    const int tiles = (form->n + TILE - 1) / TILE;
    parallel((tiles + EACH - 1) / EACH, [&](int piece, int) {
        kernels().linear.pack(*form, values, scales, mins, packed, piece * EACH, std::min(tiles, (piece + 1) * EACH));
    });
}

DT_EXPORT void dt_unpack_row(const Matrix* w, int row, float* out) { kernels().linear.unpack_row(*w, row, out); }

DT_EXPORT void dt_linear(const Matrix* w, const float* x, int64_t x_stride, int rows, const Norm* norm, float* out,
                         int64_t out_stride, int store, int activation) {
    linear(*w, x, x_stride, rows, norm, {out, out_stride, Store(store), Activation(activation)});
}

DT_EXPORT void dt_experts(const Matrix* gate_ups, const Matrix* downs, int count, int top_k, const float* x,
                          int64_t x_stride, int rows, const float* weights, const int32_t* ids, int64_t route_stride,
                          int activation, float* hidden, int64_t hidden_stride) {
    const Experts layer{gate_ups, downs, count, top_k, Activation(activation)};
    experts(layer, {weights, ids, route_stride}, x, x_stride, rows, hidden, hidden_stride);
}
