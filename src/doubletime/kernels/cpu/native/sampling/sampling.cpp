#include "sampling/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../kernels.hpp"
#include "pool.hpp"
#include "sampling/order.hpp"

namespace dt {
namespace {

constexpr int PART = 32768;  // tokens that are summed apart: one order of summation for every number of threads
constexpr int WAVE = 16;     // rows whose histograms are held at once
constexpr int SCRATCH = 7;   // attention uses it too, at another time

int parts_of(const Logits& logits) { return (logits.vocab + PART - 1) / PART; }

// Calls f(row, part, first token, last token) for rows [first, last), on all threads.
template <class F>
void each_part(const Logits& logits, int first, int last, F f) {
    const int parts = parts_of(logits);
    parallel((last - first) * parts, [&](int piece, int) {
        const int part = piece % parts, begin = part * PART;
        f(first + piece / parts, part, begin, std::min(begin + PART, logits.vocab));
    });
}

// The largest logit of each row.
std::vector<float> largest_of(const Logits& logits) {
    const int parts = parts_of(logits);
    std::vector<float> found(size_t(logits.rows) * size_t(parts)), largest(size_t(logits.rows));
    each_part(logits, 0, logits.rows, [&](int row, int part, int first, int last) {
        const float* own = logits.data + row * logits.stride;
        found[size_t(row * parts + part)] = kernels().sampling.largest(own + first, last - first);
    });
    for (int row = 0; row < logits.rows; row++) {
        auto begin = found.begin() + row * parts;
        largest[size_t(row)] = *std::max_element(begin, begin + parts);
    }
    return largest;
}

void add(Histogram& to, const Histogram& other, bool counted) {
    for (int i = 0; i < BUCKETS; i++) to.mass[i] += other.mass[i];
    if (counted)
        for (int i = 0; i < BUCKETS; i++) to.count[i] += other.count[i];
}

// Draws for a few rows at a time.
class Sampler {
  public:
    Sampler(const Logits& logits, const Wishes& wishes, int64_t* tokens)
        : logits_(logits), wishes_(wishes), tokens_(tokens), largest_(largest_of(logits)), parts_(parts_of(logits)) {}

    void draw(int first, int last) {
        const int64_t count = int64_t(last - first) * parts_;
        auto* histograms = static_cast<Histogram*>(scratch(SCRATCH, count * int64_t(sizeof(Histogram))));
        each_part(logits_, first, last, [&](int row, int part, int begin, int end) {
            if (wishes_.temperature[row] == 0.0) return;
            Histogram& histogram = histograms[(row - first) * parts_ + part];
            kernels().sampling.histogram(view(row), begin, end, counted(row), histogram);
        });
        parallel(last - first, [&](int i, int) { tokens_[first + i] = token(first + i, histograms + i * parts_); });
    }

  private:
    View view(int row) const {
        return {logits_.data + row * logits_.stride, largest_[size_t(row)], wishes_.temperature[row]};
    }

    bool counted(int row) const { return wishes_.top_k[row] < logits_.vocab; }

    int64_t token(int row, Histogram* histograms) const {
        const View own = view(row);
        if (own.temperature == 0.0) {
            return std::min(kernels().sampling.find(own.logits, logits_.vocab, own.largest), logits_.vocab - 1);
        }
        for (int part = 1; part < parts_; part++) add(histograms[0], histograms[part], counted(row));
        Order order(own, logits_.vocab, histograms[0]);
        return invert(order, wishes_.top_k[row], wishes_.top_p[row], wishes_.uniform[row]);
    }

    const Logits& logits_;
    const Wishes& wishes_;
    int64_t* tokens_;
    std::vector<float> largest_;
    int parts_;
};

}  // namespace

void sample(const Logits& logits, const Wishes& wishes, int64_t* tokens) {
    Sampler sampler(logits, wishes, tokens);
    for (int row = 0; row < logits.rows; row += WAVE) sampler.draw(row, std::min(row + WAVE, logits.rows));
}

void log_sum_exp(const Logits& logits, double* out) {
    const std::vector<float> largest = largest_of(logits);
    const int parts = parts_of(logits);
    std::vector<double> totals(size_t(logits.rows) * size_t(parts));
    each_part(logits, 0, logits.rows, [&](int row, int part, int first, int last) {
        const View view{logits.data + row * logits.stride, largest[size_t(row)], 1.0};
        totals[size_t(row * parts + part)] = kernels().sampling.total(view, first, last);
    });
    for (int row = 0; row < logits.rows; row++) {
        double total = 0.0;
        for (int part = 0; part < parts; part++) total += totals[size_t(row * parts + part)];
        out[row] = double(largest[size_t(row)]) + std::log(total);
    }
}

}  // namespace dt
