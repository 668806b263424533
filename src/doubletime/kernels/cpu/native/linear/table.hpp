// The kernels of linear layers at one level.
#pragma once
#include "abi.hpp"

namespace dt {

// What is done with a product x · wᵀ + bias.
enum class Store { SET, ADD, GATED };

struct Target {
    float* data;     // row m of the result begins at data + m × stride
    int64_t stride;  // in floats
    Store store;     // GATED: of tiles 2 t and 2 t + 1, activation(first) × second goes to columns 16 t …
    Activation activation;
};

struct LinearKernels {
    // Bytes of a packed matrix of this form, of which only kind, n, k, group and has_mins count.
    int64_t (*pack_bytes)(const Matrix& form);
    // Packs tiles [first, last): `values` is float [n, k] or, F16 and BF16, uint16 [n, k], or codes as in Quantized
    // (Q8: uint8 [n, k]; Q4: uint8 [n, k / 2]); scales and mins are float [n, k / group], or null. Tiles are packed by
    // twos: first is even, and last too or behind the end.
    void (*pack)(const Matrix& form, const void* values, const float* scales, const float* mins, void* packed,
                 int first, int last);
    // One row of a packed matrix as floats [k].
    void (*unpack_row)(const Matrix& w, int row, float* out);
    // Bytes that a row of activations takes for a product with a matrix of this form; a multiple of 64.
    int64_t (*prepared_bytes)(const Matrix& w);
    // A row of activations x [k], as the product wants it.
    void (*prepare)(const Matrix& w, const float* x, void* prepared);
    // Tiles [first, last) of the product of `rows` prepared rows, which lie prepared_bytes apart. first is even, and
    // last too or behind the end. GATED: n is a multiple of two tiles.
    void (*product)(const Matrix& w, const void* prepared, int rows, const Target& target, int first, int last);
    // For benchmarks: what one thread does at most (see peak.hpp).
    int64_t (*peak)(int kind);
    float (*read)(const float* data, int64_t count);
};

}  // namespace dt
