#include "sampling/order.hpp"

#include <algorithm>

#include "../kernels.hpp"

namespace dt {

Order::Order(const View& view, int vocab, const Histogram& histogram)
    : view_(view), vocab_(vocab), histogram_(histogram) {
    for (double mass : histogram.mass) total_ += mass;
}

void Order::open(int bucket) {
    if (bucket == open_) return;
    open_ = bucket;
    tokens_.clear();
    kernels().sampling.collect(view_, vocab_, bucket, tokens_);
    std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) {
        return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
    });
}

Place Order::at_count(int64_t count) {
    double mass = 0.0;
    int bucket = 0;
    for (; bucket < BUCKETS - 1 && histogram_.count[bucket] < count; bucket++) {
        count -= histogram_.count[bucket];
        mass += histogram_.mass[bucket];
    }
    open(bucket);
    Place place{0, mass};
    for (const Token& token : tokens_) {
        if (count-- == 0) break;
        place = {token.id, place.mass + kernels().sampling.weight(view_, token.logit)};
    }
    return place;
}

Place Order::at_mass(double mass, bool beyond) {
    auto there = [=](double sum) { return beyond ? sum > mass : sum >= mass; };
    double before = 0.0;
    int bucket = 0, last = 0;  // the last bucket that holds anything
    for (; bucket < BUCKETS && !(histogram_.mass[bucket] > 0.0 && there(before + histogram_.mass[bucket])); bucket++) {
        if (histogram_.mass[bucket] > 0.0) last = bucket;
        before += histogram_.mass[bucket];
    }
    if (bucket == BUCKETS) before -= histogram_.mass[bucket = last];
    open(bucket);
    Place place{0, before};
    for (const Token& token : tokens_) {
        place = {token.id, place.mass + kernels().sampling.weight(view_, token.logit)};
        if (there(place.mass)) break;
    }
    return place;
}

int64_t invert(Order& order, int64_t top_k, double top_p, double uniform) {
    const bool all = top_k >= order.vocab();
    if (all && top_p >= 1.0) return order.at_mass(uniform * order.total(), true).id;
    Place kept = all ? Place{0, order.total()} : order.at_count(top_k);
    if (top_p < 1.0) kept = order.at_mass(top_p * kept.mass, false);
    const Place found = order.at_mass(uniform * kept.mass, true);
    return found.mass > kept.mass ? kept.id : found.id;  // the product may round up to the whole mass
}

}  // namespace dt
