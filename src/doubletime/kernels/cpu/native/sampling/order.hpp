// The tokens of a row from the likeliest to the least likely, equal ones by id, without sorting more than is looked at.
#pragma once
#include <vector>

#include "sampling/table.hpp"

namespace dt {

// Where a sum of weights from the likeliest token on ends.
struct Place {
    int64_t id;    // of the last token
    double mass;   // the sum, that token included
};

class Order {
  public:
    Order(const View& view, int vocab, const Histogram& histogram);

    double total() const { return total_; }
    int vocab() const { return vocab_; }

    // The token number `count`, from 1.
    Place at_count(int64_t count);
    // The first token with which the sum reaches `mass`, or, `beyond`, exceeds it; the last one where none does.
    Place at_mass(double mass, bool beyond);

  private:
    // Sorts a bucket, if it is not that of the last call.
    void open(int bucket);

    const View view_;
    const int vocab_;
    const Histogram& histogram_;
    double total_ = 0.0;
    int open_ = -1;
    std::vector<Token> tokens_;  // of the open bucket
};

// Keeps the `top_k` likeliest tokens, of these the fewest whose mass is at least `top_p` of theirs, and inverts the
// distribution function of what is left at `uniform`.
int64_t invert(Order& order, int64_t top_k, double top_p, double uniform);

}  // namespace dt
