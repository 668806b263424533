// Sampling, for Python.
#include "sampling/sampling.hpp"

#define DT_EXPORT extern "C" __attribute__((visibility("default")))

// See sample.
DT_EXPORT void dt_sample(const float* logits, int64_t stride, int rows, int vocab, const double* temperature,
                         const int64_t* top_k, const double* top_p, const double* uniform, int64_t* tokens) {
    dt::sample({logits, stride, rows, vocab}, {temperature, top_k, top_p, uniform}, tokens);
}

// See log_sum_exp.
DT_EXPORT void dt_log_sum_exp(const float* logits, int64_t stride, int rows, int vocab, double* out) {
    dt::log_sum_exp({logits, stride, rows, vocab}, out);
}
