// The kernels of keys, values and attention at one level.
#pragma once
#include "abi.hpp"

namespace dt {

// Attention reduces in partitions of this many neighbouring positions, aligned to the first position of the sequence.
// Each gives a row a state, states are merged in ascending order: so the result depends on nothing but the row.
constexpr int PARTITION = 256;
constexpr int PARTITION_TILES = PARTITION / TILE;

// Floats of a state: [width(dim)] weighted values, their largest score and the sum of their weights; in units of log2.
constexpr int64_t state_width(int dim) { return (dim + TILE - 1) / TILE * TILE; }
constexpr int64_t state_floats(int dim) { return state_width(dim) + TILE; }

constexpr int SCORE_STRIDE = PARTITION + 4 * TILE;  // of scores: a block of tiles may reach past the partition's end

// What a kernel needs for its own use: scores, and then keys and values as floats, or queries and weights as bfloat16.
constexpr int64_t room_floats(int rows, int dim) {
    return rows * (SCORE_STRIDE + PARTITION + state_width(dim)) + 2 * PARTITION * state_width(dim);
}

// One partition of one KV head, and all rows that look at it together.
struct PartitionWork {
    const float* queries;  // [rows][dim], scaled
    int rows, dim;
    Kind kind;
    const uint8_t* const* keys;  // tiles of the partition; those that no row looks at may be anything
    const uint8_t* const* values;
    const uint8_t* const* after_keys;  // for each tile one that is read a little later, to be fetched meanwhile
    const uint8_t* const* after_values;
    const int32_t* first;  // [rows]: each looks at places [first, last) of the partition; none where first ≥ last
    const int32_t* last;
    float cap;      // 0: none; otherwise scores are cap × tanh(q · k)
    float* states;  // [rows][state_floats(dim)]
    float* room;    // [room_floats(rows, dim)], for the kernel's own use
};

struct AttentionKernels {
    // x [n] × factor
    void (*scale)(const float* x, int n, float factor, float* out);
    // The states of one partition.
    void (*partition)(const PartitionWork& work);
    // Merges `next`, the state of later positions, into `state`. An empty state has the score -∞.
    void (*merge)(float* state, const float* next, int dim);
    // The result [dim] of a state: values ÷ weights. `sink`, in units of log2 or -∞, is one more score without a value.
    void (*finish)(const float* state, float sink, int dim, float* out);
    // Rotates pairs (x[i], x[i + half]) by angles of which cosines and sines are given, [half] each. `out` may be x.
    void (*rotate)(const float* x, const float* cosines, const float* sines, int half, float* out);
    // Writes a key, or a value, [dim] to its place of a tile.
    void (*store_key)(Kind kind, const float* x, int dim, uint8_t* tile, int place);
    void (*store_value)(Kind kind, const float* x, int dim, uint8_t* tile, int place);
};

}  // namespace dt
