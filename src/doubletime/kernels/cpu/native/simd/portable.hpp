// Sixteen floats in plain C++, for processors without a level of their own: the compiler vectorises what it can.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace dt::portable {

constexpr const char* NAME = "portable";
constexpr int REGISTERS = 4;  // that a V fits in: what the least x86-64 holds

struct V {
    float v[16];
};

template <class F>
inline V each(F f) {
    V r;
    for (int i = 0; i < 16; i++) r.v[i] = f(i);
    return r;
}

inline V set1(float x) {
    return each([=](int) { return x; });
}
inline V zero() { return set1(0.0f); }
inline V load(const float* p) {
    V r;
    std::memcpy(r.v, p, sizeof r.v);
    return r;
}
inline V load_n(const float* p, int n) {
    return each([=](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store(float* p, V a) { std::memcpy(p, a.v, sizeof a.v); }
inline void store_n(float* p, V a, int n) { std::memcpy(p, a.v, sizeof(float) * size_t(n)); }

inline V operator+(const V& a, const V& b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline V operator-(const V& a, const V& b) {
    return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline V operator*(const V& a, const V& b) {
    return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline V operator/(const V& a, const V& b) {
    return each([&](int i) { return a.v[i] / b.v[i]; });
}
inline V max(const V& a, const V& b) {
    return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline V min(const V& a, const V& b) {
    return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline V abs(const V& a) {
    return each([&](int i) { return std::fabs(a.v[i]); });
}
// Not fused: without the instruction that would be a call of the library for each lane.
inline V fma(const V& a, const V& b, const V& c) {
    return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
inline V round(const V& a) {
    return each([&](int i) { return std::nearbyintf(a.v[i]); });
}
// a < b ? x : y
inline V less(const V& a, const V& b, const V& x, const V& y) {
    return each([&](int i) { return a.v[i] < b.v[i] ? x.v[i] : y.v[i]; });
}
// a × 2ⁿ for whole n in [-126, 127]
inline V ldexp(const V& a, const V& n) {
    return each([&](int i) {
        int32_t bits;
        std::memcpy(&bits, &a.v[i], 4);
        bits += int32_t(n.v[i]) * (1 << 23);
        float r;
        std::memcpy(&r, &bits, 4);
        return r;
    });
}
// x × 2ⁿ for any whole n ≤ 127; 0 below 2⁻¹²⁶
inline V scaled(const V& x, const V& n) { return less(n, set1(-126.0f), zero(), ldexp(x, max(n, set1(-126.0f)))); }
inline float first(const V& x) { return x.v[0]; }

inline uint32_t bits_of(float x) {
    uint32_t u;
    std::memcpy(&u, &x, 4);
    return u;
}
inline float float_of(uint32_t u) {
    float x;
    std::memcpy(&x, &u, 4);
    return x;
}
inline float from_f16(uint16_t h) {
    uint32_t sign = uint32_t(h & 0x8000) << 16, rest = h & 0x7fff;
    if (rest >= 0x7c00) return float_of(sign | 0x7f800000 | ((rest & 0x3ff) << 13));
    if (rest >= 0x400) return float_of(sign | ((rest << 13) + (112u << 23)));
    return float_of(sign | bits_of(float(rest) * 0x1p-24f));
}
inline uint16_t to_f16(float x) {
    uint32_t u = bits_of(x), rest = u & 0x7fffffff;
    uint16_t sign = uint16_t((u >> 16) & 0x8000);
    if (rest > 0x7f800000) return uint16_t(sign | 0x7e00);
    if (rest >= 0x477ff000) return uint16_t(sign | 0x7c00);  // 65,520 and more
    if (rest < 0x38800000) return uint16_t(sign | uint16_t(std::nearbyintf(float_of(rest) * 0x1p24f)));
    rest += 0xfff + ((rest >> 13) & 1);
    return uint16_t(sign | ((rest - (112u << 23)) >> 13));
}
inline V load_f16(const uint16_t* p) {
    return each([=](int i) { return from_f16(p[i]); });
}
inline void store_f16(uint16_t* p, const V& a) {
    for (int i = 0; i < 16; i++) p[i] = to_f16(a.v[i]);
}
inline V load_bf16(const uint16_t* p) {
    return each([=](int i) { return float_of(uint32_t(p[i]) << 16); });
}
// Rounds to nearest, ties to even.
inline void store_bf16(uint16_t* p, const V& a) {
    for (int i = 0; i < 16; i++) {
        uint32_t u = bits_of(a.v[i]);
        p[i] = uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
    }
}
inline V load_i8(const int8_t* p) {
    return each([=](int i) { return float(p[i]); });
}
// Rounds to nearest; the caller keeps the values within [-128, 127].
inline void store_i8(int8_t* p, const V& a) {
    for (int i = 0; i < 16; i++) p[i] = int8_t(std::nearbyintf(a.v[i]));
}
inline void store_i16(int16_t* p, const V& a) {
    for (int i = 0; i < 16; i++) p[i] = int16_t(std::nearbyintf(a.v[i]));
}

// Lane i is added to lane i + 8, then i + 4, i + 2, i + 1: one order at every level.
inline float sum(const V& a) {
    V r = a;
    for (int width = 8; width; width /= 2)
        for (int i = 0; i < width; i++) r.v[i] += r.v[i + width];
    return r.v[0];
}
inline float largest(const V& a) {
    float m = a.v[0];
    for (int i = 1; i < 16; i++) m = a.v[i] > m ? a.v[i] : m;
    return m;
}

}  // namespace dt::portable
