// What Python calls for a whole step.
#include <cmath>

#include "kernels.hpp"
#include "linear/linear.hpp"
#include "pool.hpp"
#include "program.hpp"

#define DT_EXPORT extern "C" __attribute__((visibility("default")))

namespace dt {
namespace {

void cap(float* logits, int64_t count, float limit) {
    for (int64_t i = 0; i < count; i++) logits[i] = limit * std::tanh(logits[i] / limit);
}

}  // namespace

DT_EXPORT void dt_set_threads(int count) { set_threads(count); }

DT_EXPORT int dt_threads() { return threads(); }

// Token ids [rows] → hidden [rows][model.hidden].
DT_EXPORT void dt_embed(const Model* model, const int64_t* tokens, int rows, float* hidden) {
    for (int row = 0; row < rows; row++) {
        float* out = hidden + int64_t(row) * model->hidden;
        kernels().linear.unpack_row(*model->embedding, int(tokens[row]), out);
        if (model->embedding_scale == 1.0f) continue;
        for (int i = 0; i < model->hidden; i++) out[i] *= model->embedding_scale;
    }
}

// See program.hpp. The depth reached, or -1 - s where sequence number s of the batch has no block to write to.
DT_EXPORT int dt_run(const Model* model, const Batch* batch, float* hidden, float* work, int64_t work_stride, int first,
                     int last, const volatile int32_t* stop) {
    if (int seq = unwritable(*batch); seq >= 0) return -1 - seq;
    return run(*model, *batch, {hidden, work, work_stride}, first, last, stop);
}

// Hidden rows at full depth → logits [rows][model.vocab].
DT_EXPORT void dt_logits(const Model* model, const float* hidden, int rows, float* logits) {
    rouse();
    linear(*model->head, hidden, model->hidden, rows, &model->final_norm, {logits, model->vocab, Store::SET, SILU});
    if (model->logit_cap > 0) cap(logits, int64_t(rows) * model->vocab, model->logit_cap);
}

}  // namespace dt
