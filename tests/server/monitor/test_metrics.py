"""The metrics are well formed, and agree with what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubletime.core.events import Arrive, Cancel, Request
from doubletime.engine.about import About
from doubletime.engine.monitor.histogram import Histogram
from doubletime.engine.monitor.messages import KVRow, Snapshot
from doubletime.server.monitor import vllm_metrics as vllm
from doubletime.server.monitor.exposition import Exposition
from doubletime.server.monitor.metrics import own_metrics
from tests.engine.monitor.rig import MS, Watched
from tests.server.monitor.prometheus import Family, families
from tests.server.monitor.snapshots import snapshot

ABOUT = About("m", "fcfs", "cpu", "float32", "torch", max_model_len=512, kv_blocks=(24,), block_tokens=4)


@pytest.fixture(scope="module")
def busy() -> Snapshot:
    """Some requests have ended, some run and some wait."""
    load = [Arrive(i * MS, Request(i, 10 + i, 6)) for i in range(10)]
    late = [Arrive(40 * MS, Request(20 + i, 16, 60)) for i in range(5)]
    return Watched([*load, Cancel(12 * MS, 9), *late], blocks=24, seats=3).until(60)


def value(found: dict[str, Family], name: str, suffix: str = "", **labels: str) -> float:
    for (sample, theirs), number in found[name].samples.items():
        if sample == name + suffix and labels.items() <= dict(theirs).items():
            return number
    raise KeyError(name)


def test_our_own_metrics_say_what_happened(busy: Snapshot) -> None:
    found = families(own_metrics("tiny", ABOUT, busy))
    assert all(name.startswith("doubletime_") for name in found)
    assert value(found, "doubletime_info", model="tiny", policy="fcfs", device="cpu") == 1
    assert value(found, "doubletime_requests_total", outcome="length") == 9
    assert value(found, "doubletime_requests_total", outcome="cancel") == 1
    assert value(found, "doubletime_requests_live") == 5
    assert value(found, "doubletime_sequences_running") + value(found, "doubletime_sequences_waiting") == 5
    waiting = found["doubletime_sequences_waiting_by_reason"].samples
    assert sum(waiting.values()) == value(found, "doubletime_sequences_waiting") > 0
    waited = sum(found["doubletime_waited_seconds_total"].samples.values())
    assert waited == pytest.approx(sum(sum(row.waited) for row in busy.requests) / 1e9)
    assert sum(found["doubletime_kv_blocks"].samples.values()) == 24
    assert value(found, "doubletime_e2e_seconds", "_count") == 9
    assert value(found, "doubletime_output_tokens_total") == sum(row.output for row in busy.requests)
    assert value(found, "doubletime_steps_total") == value(found, "doubletime_step_seconds", "_count")


def test_vllm_s_names_have_vllm_s_labels_and_our_numbers(busy: Snapshot) -> None:
    found = families(vllm.vllm_metrics("tiny", ABOUT, busy))
    own = families(own_metrics("tiny", ABOUT, busy))
    labels = [dict(theirs) for family in found.values() for _, theirs in family.samples]
    assert all(row["model_name"] == "tiny" and row["engine"] == "0" for row in labels)
    assert value(found, "vllm:num_requests_waiting") == value(own, "doubletime_sequences_waiting")
    reasons = found["vllm:num_requests_waiting_by_reason"].samples
    assert sum(reasons.values()) == value(found, "vllm:num_requests_waiting")
    assert value(found, "vllm:request_success_total", finished_reason="abort") == 1
    assert value(found, "vllm:generation_tokens_total") == value(own, "doubletime_output_tokens_total")
    assert value(found, "vllm:time_to_first_token_seconds", "_count") == value(own, "doubletime_ttft_seconds", "_count")
    assert value(found, "vllm:prompt_tokens_total") == value(own, "doubletime_prompt_tokens_total")
    assert value(found, "vllm:iteration_tokens_total", "_count") == value(own, "doubletime_steps_total")
    (row,) = busy.kv
    assert value(found, "vllm:kv_cache_usage_perc") == pytest.approx((row.running + row.held) / 24)
    assert value(found, "vllm:cache_config_info", block_size="4", num_gpu_blocks="24") == 1


def test_vllm_s_buckets_are_the_ones_that_its_dashboards_know(busy: Snapshot) -> None:
    text = vllm.vllm_metrics("tiny", ABOUT, busy)
    found = families(text)

    def edges(name: str) -> list[str]:
        return [dict(labels)["le"] for sample, labels in found[name].samples if sample.endswith("_bucket")]

    assert len(edges("vllm:time_to_first_token_seconds")) == 22 + 1
    assert len(edges("vllm:inter_token_latency_seconds")) == 19 + 1
    assert edges("vllm:inter_token_latency_seconds")[:2] == ["0.01", "0.025"]
    assert edges("vllm:e2e_request_latency_seconds")[0] == "0.3"
    assert edges("vllm:request_prompt_tokens")[-2:] == ["500.0", "+Inf"]  # none beyond what the model can hold
    assert len(edges("vllm:iteration_tokens_total")) == 13 + 1


def test_an_engine_that_never_ran_has_all_its_metrics(busy: Snapshot) -> None:
    for metrics in (own_metrics, vllm.vllm_metrics):
        assert families(metrics("tiny", ABOUT, snapshot())).keys() == families(metrics("tiny", ABOUT, busy)).keys()


def test_the_fullest_group_tells_how_full_the_memory_is() -> None:
    rows = (KVRow(10, 1, 0, 1, 8), KVRow(4, 3, 0, 0, 1))
    assert value(families(vllm.vllm_metrics("m", ABOUT, snapshot(kv=rows))), "vllm:kv_cache_usage_perc") == 0.75


def test_labels_are_quoted() -> None:
    page = Exposition({"model": 'a "b" \\ c\nd'})
    page.gauge("x", "Two\nlines.", 0.1)
    assert page.text() == '# HELP x Two\\nlines.\n# TYPE x gauge\nx{model="a \\"b\\" \\\\ c\\nd"} 0.1\n'
    assert families(page.text())


def test_a_histogram_s_buckets_may_be_some_of_its_own() -> None:
    values = Histogram.of(1.0, 2.0, 3.0)
    for number in (0.5, 1.0, 2.5, 9.0):
        values.add(number)
    values.add(3.0, times=2)
    assert values.cumulative() == [(1.0, 2), (2.0, 2), (3.0, 5)]
    assert values.cumulative((1.0, 3.0)) == [(1.0, 2), (3.0, 5)]
    assert (values.count, values.sum) == (6, 19.0)


def test_prometheus_own_parser_reads_the_same(busy: Snapshot) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    for metrics in (own_metrics, vllm.vllm_metrics):
        text = metrics("tiny", ABOUT, busy)
        theirs = {
            (sample.name, tuple(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        }
        ours = {key: number for family in families(text).values() for key, number in family.samples.items()}
        assert theirs == ours


def test_every_metric_of_ours_is_documented(busy: Snapshot) -> None:
    page = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert [name for name in families(own_metrics("tiny", ABOUT, busy)) if f"`{name}`" not in page] == []
