// Which level runs.
#include <cstring>

#include "kernels.hpp"

namespace dt {
namespace {

#if defined(DT_X86)
bool has_avx2() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}
#endif

const Kernels& best() {
#if defined(DT_X86)
    if (has_avx512()) return avx512_kernels();
    if (has_avx2()) return avx2_kernels();
#endif
    return portable_kernels();
}

const Kernels* chosen = nullptr;

const Kernels* named(const char* name) {
    if (!std::strcmp(name, "portable")) return &portable_kernels();
#if defined(DT_X86)
    if (!std::strcmp(name, "avx2") && has_avx2()) return &avx2_kernels();
    if (!std::strcmp(name, "avx512") && has_avx512()) return &avx512_kernels();
#endif
    return nullptr;
}

}  // namespace

const Kernels& kernels() {
    if (chosen == nullptr) chosen = &best();
    return *chosen;
}

}  // namespace dt

// The name of the level that runs.
extern "C" __attribute__((visibility("default"))) const char* dt_level() { return dt::kernels().name; }

// Chooses a level by name. False where this processor, or this build, does not have it. Packed matrices belong to the
// level that packed them.
extern "C" __attribute__((visibility("default"))) bool dt_set_level(const char* name) {
    const dt::Kernels* found = dt::named(name);
    if (found != nullptr) dt::chosen = found;
    return found != nullptr;
}
