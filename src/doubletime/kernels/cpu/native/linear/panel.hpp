// A panel: some rows of activations times a run of groups of one strip. All micro-kernels have this one form.
#pragma once
#include <cstdint>
#include <utility>

#include "linear/layout.hpp"

namespace dt::DT_LEVEL {

struct Panel {
    const uint8_t* weights;  // the first group
    const uint8_t* x;        // the first row's block for it
    int64_t x_stride;
    int groups, blocks;
    int block_k, header_bytes;
    float* sums;           // [rows][STRIP]: what earlier groups have summed up to, and this panel goes on from
    const uint8_t* ahead;  // memory that will be read next, and how many of its lines to fetch with each block
    int lines;
};

using PanelKernel = void (*)(const Panel&);

// Into the second cache: the first is full of what is being read, and its few outstanding misses would hold up all.
inline const uint8_t* fetch(const uint8_t* ahead, int lines) {
    for (int i = 0; i < lines; i++) __builtin_prefetch(ahead + 64 * i, 0, 2);
    return ahead + 64 * lines;
}

// The kernels of a family by number of rows, from 1 to `most`.
struct Family {
    const PanelKernel* by_rows;
    int most;
};

// FAMILY has MOST, and a function template run<ROWS>.
template <class FAMILY, int... I>
inline Family family(std::integer_sequence<int, I...>) {
    static const PanelKernel kernels[] = {FAMILY::template run<I + 1>...};
    return {kernels, FAMILY::MOST};
}
template <class FAMILY>
inline Family family() {
    return family<FAMILY>(std::make_integer_sequence<int, FAMILY::MOST>{});
}

}  // namespace dt::DT_LEVEL
