#include "linear/linear.hpp"

#include <cstring>

#include "../kernels.hpp"
#include "linear/cut.hpp"
#include "pool.hpp"

namespace dt {
namespace {

constexpr int PREPARED_SLOT = 1, NORMED_SLOT = 2;
constexpr int OWN_ROWS = 4;  // so few rows each thread prepares for itself: cheaper than one more region
constexpr int PIECE_NUMBERS = 1 << 14;  // activations that a piece prepares

struct Job {
    const Matrix& w;
    const float* x;
    int64_t x_stride;
    int rows;
    const Norm* norm;
    const Target& target;
    int64_t row_bytes;

    void prepare(int first, int last, uint8_t* prepared) const {
        for (int m = first; m < last; m++) norm_and_prepare(w, x + m * x_stride, norm, prepared + m * row_bytes);
    }

    void product(const Cut& cut, int index, const uint8_t* prepared) const {
        const Cut::Piece p = cut.piece(index, rows);
        Target own = target;
        own.data += p.row * target.stride;
        kernels().linear.product(w, prepared + p.row * row_bytes, p.rows, own, p.first, p.last);
    }
};

// Each thread prepares all rows when it takes its first piece.
void run_own(const Job& job, const Cut& cut) {
    const int count = threads();
    auto ready = (uint8_t*)scratch(NORMED_SLOT, count + int64_t(job.w.k) * 4) + int64_t(job.w.k) * 4;
    std::memset(ready, 0, size_t(count));
    parallel(cut.pieces, [&](int piece, int worker) {
        auto prepared = (uint8_t*)scratch(PREPARED_SLOT, job.rows * job.row_bytes);
        if (!ready[worker]) job.prepare(0, job.rows, prepared);
        ready[worker] = 1;
        job.product(cut, piece, prepared);
    });
}

void run_shared(const Job& job, const Cut& cut) {
    auto prepared = (uint8_t*)scratch(PREPARED_SLOT, job.rows * job.row_bytes);
    const int each = std::max(1, PIECE_NUMBERS / job.w.k);
    parallel((job.rows + each - 1) / each,
             [&](int piece, int) { job.prepare(piece * each, std::min(job.rows, (piece + 1) * each), prepared); });
    parallel(cut.pieces, [&](int piece, int) { job.product(cut, piece, prepared); });
}

}  // namespace

void norm_and_prepare(const Matrix& w, const float* x, const Norm* norm, void* prepared) {
    if (norm != nullptr && norm->weight != nullptr) {
        auto normed = (float*)scratch(NORMED_SLOT, int64_t(w.k) * 4);
        kernels().rms_norm(*norm, x, w.k, normed);
        x = normed;
    }
    kernels().linear.prepare(w, x, prepared);
}

void linear(const Matrix& w, const float* x, int64_t x_stride, int rows, const Norm* norm, const Target& target) {
    if (rows <= 0) return;
    const Job job{w, x, x_stride, rows, norm, target, kernels().linear.prepared_bytes(w)};
    const Cut cut = cut_product(w, rows);
    if (rows <= OWN_ROWS) {
        run_own(job, cut);
    } else {
        run_shared(job, cut);
    }
}

}  // namespace dt
