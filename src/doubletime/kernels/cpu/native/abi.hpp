// What crosses the border to Python, as plain C: ctypes mirrors these structs in ../abi.py, field for field.
#pragma once
#include <cstdint>

namespace dt {

// How numbers are stored. A matrix may have any kind, a cache any but Q4.
enum Kind : int32_t { F32 = 0, F16 = 1, BF16 = 2, Q8 = 3, Q4 = 4 };

enum Activation : int32_t { SILU = 0, GELU_TANH = 1 };

constexpr int TILE = 16;  // rows of a matrix that are packed side by side, and tokens of a cache that lie together

// A weight [n, k], packed by `dt_pack` for the level that runs. Rows are padded to whole tiles.
struct Matrix {
    const void* packed;
    const float* bias;  // [n], or null
    int32_t kind;
    int32_t n, k;
    int32_t group;  // of Q8 and Q4: neighbours along k that share a scale
    int32_t has_mins;
    int32_t spare;
};

// x / sqrt(mean(x²) + eps) × weight. `weight` null: no norm here.
struct Norm {
    const float* weight;
    float eps;
    int32_t spare;
};

// One KV group's cache: for each layer of the group, keys and values of each head in tiles of 16 slots. In a tile, keys
// lie [head_dim][16] and values [16][head_dim]; Q8 tiles end with 16 float scales.
struct Cache {
    uint8_t* data;
    int64_t layer_bytes;  // from one layer to the next
    int64_t part_bytes;   // from keys to values
    int64_t head_bytes;   // from one head to the next
    int32_t kind;
    int32_t block_tokens;  // a multiple of 16
    int32_t window;        // 0: none
    int32_t spare;
};

// The rows of a step: `seqs` sequences, of which number s brings `tokens[s]` neighbouring rows from position `start[s]`.
// `tables[g]`, [*, table_width[g]]: block numbers by sequence of KV group g; sequence s has row `table_rows[g][s]`.
struct Batch {
    int32_t rows, seqs, groups, spare;
    const int32_t* start;
    const int32_t* tokens;
    const int64_t* const* tables;
    const int64_t* table_width;
    const int64_t* const* table_rows;
    const Cache* caches;
};

struct Layer {
    Norm before, query_norm, key_norm, after;
    Matrix qkv, out;
    int32_t group, index;  // the KV group, and which of its layers
    int32_t rope;          // which of the model's tables of frequencies
    int32_t spare;
    float scale;     // of the scores
    float soft_cap;  // 0: none
    const float* sinks;  // [heads], or null
    Norm mlp_before, mlp_after;
    int32_t activation;
    int32_t experts, top_k, normalize;  // sparse where experts > 0
    Matrix gate_up, down;               // dense: rows of gate and up alternate by tiles
    Matrix router;
    const Matrix* gate_ups;  // [experts]
    const Matrix* downs;     // [experts]
};

struct Model {
    int32_t layers, hidden, heads, kv_heads, head_dim, vocab, ropes, spare;
    const Layer* layer;
    const float* const* frequencies;  // [ropes][head_dim / 2]
    const Matrix* embedding;
    const Matrix* head;
    Norm final_norm;
    float embedding_scale;
    float logit_cap;  // 0: none
};

constexpr int OPERATORS = 5;  // of a layer: project, attend, output, gate, down

}  // namespace dt
