// The level this file is compiled for: the build compiles level.cpp once for each, with its own flags.
#pragma once
#if defined(DT_LEVEL_AVX512)
#include "simd/avx512.hpp"
namespace dt {
namespace level = avx512;
}
#define DT_LEVEL avx512
#elif defined(DT_LEVEL_AVX2)
#include "simd/avx2.hpp"
namespace dt {
namespace level = avx2;
}
#define DT_LEVEL avx2
#else
#include "simd/portable.hpp"
namespace dt {
namespace level = portable;
}
#define DT_LEVEL portable
#endif

namespace dt::DT_LEVEL {

constexpr int LANES = 16;

// eˣ to about one unit in the last place: Cody and Waite's reduction, then a polynomial (Cephes, Moshier 1989).
// Exactly 0 below -87.3, minus infinity included.
inline V exp(V x) {
    const V lowest = set1(-87.33654f);
    V y = min(max(x, lowest), set1(88.37626f));
    V n = round(y * set1(1.44269504088896341f));
    V r = fma(n, set1(-0.693359375f), y);
    r = fma(n, set1(2.12194440e-4f), r);
    V p = set1(1.9875691500e-4f);
    p = fma(p, r, set1(1.3981999507e-3f));
    p = fma(p, r, set1(8.3334519073e-3f));
    p = fma(p, r, set1(4.1665795894e-2f));
    p = fma(p, r, set1(1.6666665459e-1f));
    p = fma(p, r, set1(5.0000001201e-1f));
    p = fma(p, r * r, r + set1(1.0f));
    return less(x, lowest, zero(), ldexp(p, n));
}

}  // namespace dt::DT_LEVEL
