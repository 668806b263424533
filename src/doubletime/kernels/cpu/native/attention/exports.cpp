// Attention and the writing of keys and values, for callers that run them on their own.
#include "attention/attention.hpp"
#include "kv/kv.hpp"

#define DT_EXPORT extern "C" __attribute__((visibility("default")))

// See store_kv.
DT_EXPORT void dt_store_kv(const dt::Model* model, const dt::Layer* layer, const dt::Batch* batch, const float* qkv,
                           int64_t qkv_stride, float* queries, int64_t query_stride) {
    dt::RopeTable rope = dt::rope_table(*model, *batch, layer->rope);
    dt::store_kv(*model, *layer, *batch, rope, qkv, qkv_stride, queries, query_stride);
}

// See attend.
DT_EXPORT void dt_attend(const dt::Model* model, const dt::Layer* layer, const dt::Batch* batch, const float* queries,
                         int64_t query_stride, float* out, int64_t out_stride) {
    dt::AttentionPlan plan = dt::plan_attention(*model, *batch, layer->group);
    dt::attend(*model, *layer, *batch, plan, queries, query_stride, out, out_stride);
}

// How many tasks a KV group of the batch is cut into, and how many partitions they read in all.
DT_EXPORT int64_t dt_attention_tasks(const dt::Model* model, const dt::Batch* batch, int32_t group,
                                     int64_t* partitions) {
    dt::AttentionPlan plan = dt::plan_attention(*model, *batch, group);
    *partitions = 0;
    for (const auto& task : plan.tasks) *partitions += task.last - task.first;
    return int64_t(plan.tasks.size());
}
