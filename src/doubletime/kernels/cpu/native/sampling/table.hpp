// The kernels of sampling at one level.
#pragma once
#include <cstdint>
#include <vector>

namespace dt {

// Tokens are told apart by how far their logit is below the row's largest, in buckets: a bucket comes before another
// exactly if all its tokens are likelier, so a place in the order of likelihood is found without sorting.
constexpr int BUCKETS = 2048;
constexpr float BUCKETS_A_NAT = 64.0f;  // the last bucket has all that is less likely than e^-32 of the likeliest

// A row's logits seen from the largest of them, at a temperature.
struct View {
    const float* logits;
    float largest;
    double temperature;
};

struct Histogram {
    double mass[BUCKETS];  // sums of exp((logit - largest) / temperature)
    int32_t count[BUCKETS];
};

struct Token {
    float logit;
    int32_t id;
};

struct SamplingKernels {
    // The largest of x [n]; -∞ where there is none.
    float (*largest)(const float* x, int n);
    // The first place of x [n] that holds `value`; n where none does.
    int (*find)(const float* x, int n, float value);
    // The histogram of tokens [first, last); counts only where `counted`.
    void (*histogram)(const View& view, int first, int last, bool counted, Histogram& out);
    // Appends the tokens of one bucket, by id.
    void (*collect)(const View& view, int n, int bucket, std::vector<Token>& out);
    // exp((logits[id] - largest) / temperature), as the histogram has it.
    double (*weight)(const View& view, float logit);
    // Σ exp((logit - largest) / temperature) over tokens [first, last).
    double (*total)(const View& view, int first, int last);
};

}  // namespace dt
