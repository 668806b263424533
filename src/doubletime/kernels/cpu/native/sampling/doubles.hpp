// Doubles side by side, as many as a register of the level has.
#pragma once
#include <cstdint>
#include <cstring>

#include "simd/level.hpp"

namespace dt::DT_LEVEL {

constexpr int DOUBLES = REGISTERS >= 32 ? 8 : REGISTERS >= 8 ? 4 : 2;
using D = double __attribute__((vector_size(8 * DOUBLES)));
using Bits = int64_t __attribute__((vector_size(8 * DOUBLES)));
using Narrow = float __attribute__((vector_size(4 * DOUBLES)));

inline D all(double x) { return x - D{}; }

inline D widen(const float* p) {
    Narrow x;
    std::memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, D);
}

inline void store(double* p, D x) { std::memcpy(p, &x, sizeof x); }
inline D load(const double* p) {
    D x;
    std::memcpy(&x, p, sizeof x);
    return x;
}

// The first fourteen terms of eʳ, in pairs, pairs of pairs and so on (Estrin's scheme): no long chain of operations.
inline D series(D r) {
    const D r2 = r * r, r4 = r2 * r2;
    auto pair = [&](double a, double b) { return all(1.0 / a) + all(1.0 / b) * r; };
    const D low = (pair(1.0, 1.0) + pair(2.0, 6.0) * r2) + (pair(24.0, 120.0) + pair(720.0, 5040.0) * r2) * r4;
    const D high = (pair(40320.0, 362880.0) + pair(3628800.0, 39916800.0) * r2) + pair(479001600.0, 6227020800.0) * r4;
    return low + high * (r4 * r4);
}

// eˣ for x ≤ 0 to about one unit in the last place; below -708, where it is as good as 0, that of -708. A whole number
// of times ln 2 goes to the exponent (Cody and Waite's reduction), the rest through the series.
inline D exp(D x) {
    const D lowest = all(-708.0), shift = all(0x1.8p52);
    x = x > lowest ? x : lowest;
    D shifted = x * all(1.4426950408889634074) + shift;
    D n = shifted - shift;
    D r = (x - n * all(6.93147180369123816490e-01)) - n * all(1.90821492927058770002e-10);
    D p = series(r);
    return D(Bits(p) + ((Bits(shifted) - Bits(shift)) << 52));
}

}  // namespace dt::DT_LEVEL
