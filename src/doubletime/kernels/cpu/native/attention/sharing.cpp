#include "attention/sharing.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "attention/table.hpp"
#include "kv/tiles.hpp"

namespace dt {
namespace {

// A unit as its table of blocks.
struct Prefix {
    int32_t unit;
    int32_t full;  // partitions that all its rows see whole
    const int64_t* blocks;
};

class Finder {
  public:
    Finder(int block_tokens, std::vector<AttentionUnit>& units) : block_tokens_(block_tokens), units_(units) {}

    std::vector<SharedStretch> found;

    // Prefixes [begin, end) agree on partitions below `from`: finds those that agree further.
    void search(std::vector<Prefix>& all, size_t begin, size_t end, int32_t from) {
        const auto first = all.begin() + std::ptrdiff_t(begin), beyond = all.begin() + std::ptrdiff_t(end);
        const auto last = std::partition(first, beyond, [=](const Prefix& p) { return p.full > from; });
        const int64_t block = first_block(from);
        std::sort(first, last, [=](const Prefix& a, const Prefix& b) {
            return a.blocks[block] != b.blocks[block] ? a.blocks[block] < b.blocks[block] : a.unit < b.unit;
        });
        for (auto run = first; run != last;) {
            auto stop = std::find_if(run, last, [&](const Prefix& p) { return p.blocks[block] != run->blocks[block]; });
            if (stop - run > 1) share(all, size_t(run - all.begin()), size_t(stop - all.begin()), from);
            run = stop;
        }
    }

  private:
    int64_t first_block(int32_t partition) const { return int64_t(partition) * PARTITION / block_tokens_; }
    int64_t last_block(int32_t partition) const {
        return (int64_t(partition + 1) * PARTITION + block_tokens_ - 1) / block_tokens_;
    }

    // The first partition, from `from` on, on which two prefixes differ.
    int32_t agreement(const Prefix& a, const Prefix& b, int32_t from, int32_t limit) const {
        for (int32_t partition = from; partition < limit; partition++) {
            int64_t block = first_block(partition), count = last_block(partition) - block;
            if (std::memcmp(a.blocks + block, b.blocks + block, size_t(count) * sizeof(int64_t)) != 0) return partition;
        }
        return limit;
    }

    void share(std::vector<Prefix>& all, size_t begin, size_t end, int32_t from) {
        int32_t to = all[begin].full;
        for (size_t i = begin; i < end; i++) to = std::min(to, all[i].full);
        for (size_t i = begin + 1; i < end; i++) to = agreement(all[begin], all[i], from, to);
        if (to == from) return;
        SharedStretch stretch{from, to, {}};
        for (size_t i = begin; i < end; i++) {
            stretch.units.push_back(all[i].unit);
            units_[size_t(all[i].unit)].shared = to;
        }
        found.push_back(std::move(stretch));
        search(all, begin, end, to);
    }

    int block_tokens_;
    std::vector<AttentionUnit>& units_;
};

}  // namespace

std::vector<SharedStretch> shared_stretches(const Batch& batch, int group, std::vector<AttentionUnit>& units) {
    const Cache& cache = batch.caches[group];
    if (cache.window > 0) return {};
    std::vector<Prefix> prefixes;
    for (size_t i = 0; i < units.size(); i++) {
        const AttentionUnit& unit = units[i];
        bool whole = unit.tokens == batch.tokens[unit.seq];
        int32_t full = (unit.position + 1) / PARTITION;
        if (whole && full > 0) prefixes.push_back({int32_t(i), full, blocks_of(batch, group, unit.seq)});
    }
    Finder finder(cache.block_tokens, units);
    if (prefixes.size() > 1) finder.search(prefixes, 0, prefixes.size(), 0);
    return std::move(finder.found);
}

}  // namespace dt
