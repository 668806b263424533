#include "pool.hpp"

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dt {
namespace {

constexpr auto SPIN = std::chrono::microseconds(60);  // how long a worker waits awake for the next region
constexpr int SLOTS = 8;

inline void pause() {
#if defined(__x86_64__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

// A word that threads sleep on.
struct Bell {
    std::atomic<uint32_t> rings{0};

#if defined(__linux__)
    void sleep(uint32_t seen) { syscall(SYS_futex, &rings, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0); }
    void wake() { syscall(SYS_futex, &rings, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }
#else
    void sleep(uint32_t seen) {
        while (rings.load() == seen) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    void wake() {}
#endif
};

// The region that runs. A claim compares the region's number too, so that a worker which slept through its end takes
// nothing of the next by mistake.
struct Region {
    std::atomic<uint64_t> claim{0};  // number of the region << 32 | next piece
    std::atomic<Piece> piece{nullptr};
    std::atomic<void*> context{nullptr};
    std::atomic<int> pieces{0};
    std::atomic<int> done{0};
};

thread_local bool inside = false;

class Pool {
  public:
    explicit Pool(int count) : count_(count) {
        for (int worker = 1; worker < count; worker++) workers_.emplace_back([this, worker] { live(worker); });
    }

    ~Pool() {
        ending_ = true;
        bell_.rings++;
        bell_.wake();
        for (auto& worker : workers_) worker.join();
    }

    int count() const { return count_; }

    void rouse() {
        bell_.rings++;
        if (asleep_.load() > 0) bell_.wake();
    }

    void run(int pieces, Piece piece, void* context) {
        region_.done.store(0, std::memory_order_relaxed);
        region_.piece.store(piece, std::memory_order_relaxed);
        region_.context.store(context, std::memory_order_relaxed);
        region_.pieces.store(pieces, std::memory_order_relaxed);
        uint64_t number = (region_.claim.load(std::memory_order_relaxed) >> 32) + 1;
        region_.claim.store(number << 32, std::memory_order_seq_cst);
        if (asleep_.load() > 0) rouse();
        work(number, 0);
        for (int spins = 0; region_.done.load(std::memory_order_acquire) < pieces; spins++) pause();
    }

  private:
    // Claims pieces of region `number` until there are none.
    void work(uint64_t number, int worker) {
        Piece piece = region_.piece.load(std::memory_order_relaxed);
        void* context = region_.context.load(std::memory_order_relaxed);
        int pieces = region_.pieces.load(std::memory_order_relaxed);
        for (;;) {
            uint64_t claim = region_.claim.load(std::memory_order_acquire);
            do {
                if (claim >> 32 != number || int(claim & 0xffffffff) >= pieces) return;
            } while (!region_.claim.compare_exchange_weak(claim, claim + 1, std::memory_order_acq_rel));
            piece(context, int(claim & 0xffffffff), worker);
            region_.done.fetch_add(1, std::memory_order_release);
        }
    }

    void live(int worker) {
#if defined(__linux__)
        pthread_setname_np(pthread_self(), "kernels");
#endif
        inside = true;
        uint64_t seen = 0;
        while (!ending_) {
            uint32_t rings = bell_.rings.load();
            if (!await(seen)) {
                asleep_++;
                // A region that began meanwhile has rung, or will find that somebody sleeps.
                if (region_.claim.load() >> 32 == seen && !ending_) bell_.sleep(rings);
                asleep_--;
                continue;
            }
            seen = region_.claim.load(std::memory_order_acquire) >> 32;
            work(seen, worker);
        }
    }

    // True when another region than `seen` is there, false after a moment without one.
    bool await(uint64_t seen) {
        auto until = std::chrono::steady_clock::now() + SPIN;
        do {
            for (int i = 0; i < 64; i++) {
                if (region_.claim.load(std::memory_order_acquire) >> 32 != seen) return true;
                pause();
            }
        } while (std::chrono::steady_clock::now() < until && !ending_);
        return false;
    }

    int count_;
    Region region_;
    Bell bell_;
    std::atomic<int> asleep_{0};
    std::atomic<bool> ending_{false};
    std::vector<std::thread> workers_;
};

std::unique_ptr<Pool>& pool() {
    // Never destroyed: workers may outlive the end of main.
    static auto* own = new std::unique_ptr<Pool>(new Pool(1));
    return *own;
}

struct Buffer {
    void* data = nullptr;
    int64_t bytes = 0;
    ~Buffer() { std::free(data); }
};

}  // namespace

void set_threads(int count) {
    if (count != pool()->count()) pool() = std::make_unique<Pool>(count);
}

int threads() { return pool()->count(); }

void rouse() { pool()->rouse(); }

void parallel(int pieces, Piece piece, void* context) {
    if (inside || pieces == 1 || pool()->count() == 1) {
        for (int i = 0; i < pieces; i++) piece(context, i, 0);
        return;
    }
    inside = true;
    pool()->run(pieces, piece, context);
    inside = false;
}

void* scratch(int slot, int64_t bytes) {
    thread_local Buffer buffers[SLOTS];
    Buffer& own = buffers[slot];
    if (own.bytes < bytes) {
        std::free(own.data);
        own.bytes = (bytes + bytes / 4 + 4095) / 4096 * 4096;
        own.data = std::aligned_alloc(64, size_t(own.bytes));
        if (own.data == nullptr) std::abort();
    }
    return own.data;
}

}  // namespace dt
