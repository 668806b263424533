// A pool of threads that share the work of one region by claiming it piece by piece.
//
// The caller works too and waits only for pieces that somebody has begun, so a worker that the system has put aside
// costs nothing but its help. Workers spin for a moment between regions and sleep when nothing follows.
#pragma once
#include <cstdint>
#include <type_traits>

namespace dt {

using Piece = void (*)(void* context, int piece, int worker);

// The number of threads, the caller's included. Not while a region runs.
void set_threads(int count);
int threads();

// Wakes the workers: regions follow.
void rouse();

// Runs piece(context, 0 … pieces − 1, worker) on all threads and returns when all are done. 0 ≤ worker < threads().
// One caller at a time. Nested calls run where they are.
void parallel(int pieces, Piece piece, void* context);

// The same for a callable f(piece, worker).
template <class F>
void parallel(int pieces, F&& f) {
    using Callable = std::remove_reference_t<F>;
    parallel(pieces, [](void* context, int piece, int worker) { (*static_cast<Callable*>(context))(piece, worker); }, &f);
}

// Memory of this thread's own, at least `bytes` long and aligned to 64; its content is lost with the next call for the
// same `slot` on this thread.
void* scratch(int slot, int64_t bytes);

}  // namespace dt
