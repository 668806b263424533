// From sums to results: factors of the rows, bias, and what the target wants done with a product.
#pragma once
#include "linear/layout.hpp"
#include "linear/table.hpp"
#include "rows.hpp"

namespace dt::DT_LEVEL {

// The sums of some rows with strips [first, …): [strip][row][STRIP].
struct SumsView {
    float* data;
    int rows, first;

    float* strip(int s) const { return data + int64_t(s - first) * rows * STRIP; }
    const float* tile(int t, int row) const {
        return strip(t / STRIP_TILES) + row * STRIP + t % STRIP_TILES * TILE;
    }
};

// Tile t of a product: sum × factor + bias.
struct Tile {
    V factor, bias;

    Tile(const Matrix& w, const Layout& l, int t) : factor(set1(1.0f)), bias(zero()) {
        if (l.factors) factor = load(factors_at(l, w.packed, t / STRIP_TILES) + t % STRIP_TILES * TILE);
        if (w.bias == nullptr) return;
        const int left = w.n - t * TILE;
        bias = left < TILE ? load_n(w.bias + t * TILE, left) : load(w.bias + t * TILE);
    }
    V value(const float* sums) const { return fma(load(sums), factor, bias); }
};

inline void store_gated(const Matrix& w, const Layout& l, const SumsView& sums, const Target& target, int t) {
    const Tile gate(w, l, t), up(w, l, t + 1);
    for (int m = 0; m < sums.rows; m++) {
        V value = activate(target.activation, gate.value(sums.tile(t, m))) * up.value(sums.tile(t + 1, m));
        store(target.data + m * target.stride + t / 2 * TILE, value);
    }
}

inline void store_tile(const Matrix& w, const Layout& l, const SumsView& sums, const Target& target, int t) {
    const Tile tile(w, l, t);
    const int left = w.n - t * TILE < TILE ? w.n - t * TILE : TILE;
    for (int m = 0; m < sums.rows; m++) {
        V value = tile.value(sums.tile(t, m));
        float* out = target.data + m * target.stride + t * TILE;
        if (left == TILE) {
            store(out, target.store == Store::ADD ? load(out) + value : value);
        } else {
            store_n(out, target.store == Store::ADD ? load_n(out, left) + value : value, left);
        }
    }
}

// Tiles [first, last).
inline void store_tiles(const Matrix& w, const Layout& l, const SumsView& sums, const Target& target, int first,
                        int last) {
    if (target.store == Store::GATED) {
        for (int t = first; t < last; t += 2) store_gated(w, l, sums, target, t);
    } else {
        for (int t = first; t < last && t * TILE < w.n; t++) store_tile(w, l, sums, target, t);
    }
}

}  // namespace dt::DT_LEVEL
