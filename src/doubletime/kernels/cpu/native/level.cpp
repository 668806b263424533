// All kernels of one level: the build compiles this file once for each, with the flags that its instructions need.
#include "simd/level.hpp"

#include "attention/kernels.hpp"
#include "kernels.hpp"
#include "linear/kernels.hpp"
#include "rows.hpp"
#include "sampling/kernels.hpp"

namespace dt {

#define DT_JOIN(a, b) a##b
#define DT_NAMED(level) DT_JOIN(level, _kernels)

const Kernels& DT_NAMED(DT_LEVEL)() {
    static const Kernels table = [] {
        Kernels k;
        k.name = level::NAME;
        k.linear = level::linear_kernels();
        k.attention = level::attention_kernels();
        k.sampling = level::sampling_kernels();
        k.rms_norm = level::rms_norm;
        return k;
    }();
    return table;
}

}  // namespace dt
