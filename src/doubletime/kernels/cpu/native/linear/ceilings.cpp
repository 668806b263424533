// What this machine can do at most, over all threads: for benchmarks.
#include <algorithm>
#include <atomic>

#include "../kernels.hpp"
#include "pool.hpp"

#define DT_EXPORT extern "C" __attribute__((visibility("default")))

using namespace dt;

// Runs `rounds` of the instructions that products of this kind are made of; returns the operations done.
DT_EXPORT int64_t dt_peak(int kind, int rounds) {
    std::atomic<int64_t> done{0};
    parallel(rounds, [&](int, int) { done += kernels().linear.peak(kind); });
    return done;
}

// Reads `bytes` of memory once.
DT_EXPORT float dt_read(const float* data, int64_t bytes) {
    constexpr int64_t PIECE = 1 << 18;  // floats
    const int64_t count = bytes / 4;
    std::atomic<float> last{0.0f};
    parallel(int((count + PIECE - 1) / PIECE), [&](int piece, int) {
        const int64_t first = piece * PIECE;
        last = kernels().linear.read(data + first, std::min(PIECE, count - first));
    });
    return last;
}
