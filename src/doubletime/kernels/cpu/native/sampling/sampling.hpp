// Tokens from logits.
#pragma once
#include <cstdint>

namespace dt {

struct Logits {
    const float* data;  // [rows][vocab], their rows `stride` floats apart
    int64_t stride;
    int rows, vocab;
};

// How each row draws; arrays [rows].
struct Wishes {
    const double* temperature;  // 0: the likeliest token, of several the first
    const int64_t* top_k;       // of the likeliest tokens so many are kept, 1 … vocab
    const double* top_p;        // of these the fewest that make up this share
    const double* uniform;      // in [0, 1): where the distribution function of what is kept is inverted
};

// Of tokens ordered by (likelihood, id), for each row the first at which the distribution function exceeds its uniform
// number. The same token whatever rows there are beside it, and however many threads.
void sample(const Logits& logits, const Wishes& wishes, int64_t* tokens);

// log Σ exp(logit) of each row.
void log_sum_exp(const Logits& logits, double* out);

}  // namespace dt
