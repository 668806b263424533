// Products of 8 and 4 bit weights and float activations, in plain loops (portable).
#pragma once
#include "linear/panel.hpp"

namespace dt::DT_LEVEL {

template <int KIND>
struct Plain {
    static constexpr int MOST = 1;

    template <int ROWS>
    static void run(const Panel& p) {
        static_assert(ROWS == 1, "one row at a time");
        const uint8_t *group = p.weights, *ahead = p.ahead;
        auto x = (const float*)p.x;
        V total = load(p.sums);
        for (int g = 0; g < p.groups; g++) {
            auto header = (const uint16_t*)group;
            const V scale = p.header_bytes ? load_f16(header) : set1(1.0f);
            const bool mins = p.header_bytes > 2 * STRIP;
            const V low = mins ? load_f16(header + STRIP) : scale * set1(KIND == Q8 ? 128.0f : 8.0f);
            group += p.header_bytes;
            for (int b = 0; b < p.blocks; b++, x += p.block_k) {
                ahead = fetch(ahead, p.lines);
                total = block(group, x, p.block_k, scale, low, total);
                group += STRIP * p.block_k / (KIND == Q8 ? 1 : 2);
            }
        }
        store(p.sums, total);
    }

  private:
    static V block(const uint8_t* codes, const float* x, int count, const V& scale, const V& low, const V& total) {
        V sum = zero();
        float whole = 0.0f;
        for (int k = 0; k < count; k++) {
            const int shift = k % 2 * 4, at = (KIND == Q8 ? k : k / 2) * STRIP;
            for (int i = 0; i < STRIP; i++) {
                int code = KIND == Q8 ? codes[at + i] : codes[at + i] >> shift & 15;
                sum.v[i] += float(code) * x[k];
            }
            whole += x[k];
        }
        return total + sum * scale - low * set1(whole);
    }
};

}  // namespace dt::DT_LEVEL
