"""The search for the cheapest design: what is left out, the fewest replicas, successive halving, the verdict."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.hardware.specs import SPECS
from doubletime.lab.plan.halving import Ask, halve, rank, rungs
from doubletime.lab.plan.replicas import Fitted, fewest
from doubletime.lab.plan.search import Plan, fit_arm, plan, to_json
from doubletime.lab.plan.space import Arm, Space, arms, operations_per_token, throughput_bound
from doubletime.lab.plan.table import answer, show
from doubletime.lab.plan.trial import Goal, Trial, attempt
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.workload.demand import Demand, demand
from doubletime.lab.workload.open import open_workload
from doubletime.shapes import parameters, published_shape
from tests.lab.fakes import Fake

BASE = Design("llama-3.1-8b", "h100")
TRACE = "constant:rate=34,prompt=900,output=101,n=600"
TTFT = SLO(ttft=SECOND)
GOAL = Goal(TRACE, TTFT, 0.9)
PRICES = {"h100": 3.0, "l40s": 1.0}


def space(**changed: Any) -> Space:
    given: dict[str, Any] = {"prices": PRICES, "tps": [1, 2], "pps": [1], "policies": ["fcfs"], "max_devices": 16}
    return Space(**(given | changed))


def asked(trace: str = TRACE) -> Demand:
    return demand(open_workload(trace))


def arm(name: str = "h100", price: float = 1.0, fewest: int = 1) -> Arm:
    return Arm(Design("m", name), price, fewest)


def trial(attainment: float, binds: str = "TTFT") -> Trial:
    return Trial(BASE, attainment, 0.5, 0.01, 0.5, 0.5, binds, 0.05, "table", 100.0)


# ---- what is left out


def test_every_combination_that_fits_is_an_arm_and_cheap_engines_come_first() -> None:
    kept, pruned = arms(space(policies=["fcfs", "sarathi"]), BASE, asked())
    assert [one.name for one in kept][:2] == ["l40s, fcfs", "l40s, sarathi"]
    assert len(kept) == 8
    assert pruned == []
    assert kept[-1].at(3).replicas == 3
    assert (kept[-1].engine, kept[-1].cost(3)) == (2, 18.0)


def test_what_does_not_fit_in_memory_is_left_out_with_the_reason() -> None:
    kept, pruned = arms(space(prices={"rtx4090": 0.4}, tps=[1, 4]), Design("llama-3.1-70b", "rtx4090"), asked())
    assert kept == []
    assert [(one.name, one.binds) for one in pruned] == [
        ("rtx4090, 1 device an engine", "memory"),
        ("rtx4090, 4 devices an engine", "memory"),
    ]
    assert "GB" in pruned[0].why


def test_layouts_that_cannot_be_are_left_out() -> None:
    _, pruned = arms(space(prices={"h100": 3.0}, tps=[3, 32], pps=[1, 5]), BASE, asked())
    assert [one.binds for one in pruned] == ["layout"] * 4
    assert "heads cannot be split" in pruned[0].why
    assert pruned[1].name == "h100, 15 devices an engine (tp 3, pp 5)"


def test_what_cannot_keep_up_at_peak_speed_is_left_out() -> None:
    fast = "constant:rate=4000,prompt=4000,output=1,n=40000"
    kept, pruned = arms(space(prices={"l40s": 1.0}, tps=[1]), BASE, asked(fast))
    assert kept == []
    assert pruned[0].binds == "throughput"
    assert "16 are allowed" in pruned[0].why


def test_the_throughput_bound_counts_two_operations_a_weight() -> None:
    shape = published_shape("llama-3.1-8b")
    assert operations_per_token(shape) == pytest.approx(2 * parameters(shape), rel=0.15)  # without embedding and head
    mixture = published_shape("mixtral-8x7b")
    assert operations_per_token(mixture) < parameters(mixture)  # two experts of eight
    per_second = SPECS["l40s"].flops["bfloat16"] / operations_per_token(shape)
    twice = Demand(100, 0, 0, sure_tokens=int(per_second * 2 * 10) - 1, longest=1, span_s=10.0)
    assert throughput_bound(shape, SPECS["l40s"], "bfloat16", 1, twice) == 2
    assert throughput_bound(shape, SPECS["l40s"], "bfloat16", 2, twice) == 1
    assert throughput_bound(shape, SPECS["l40s"], "bfloat16", 1, Demand(1, 0, 0, 10**15, 1, 0.0)) == 1


# ---- the fewest replicas


@pytest.mark.parametrize("needed", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("guess", [1, 5])
def test_the_fewest_replicas_are_found_with_the_trial_that_fails(needed: int, guess: int) -> None:
    tried = []

    def run(replicas: int) -> Trial:
        tried.append(replicas)
        return trial(1.0 if replicas >= needed else 0.3)

    found = fewest(arm(), run, 0.9, 16, guess)
    assert (found.replicas, found.meets) == (needed, True)
    assert found.trial.attainment == 1.0
    assert (found.short is None) == (needed == 1)
    assert len(tried) == len(set(tried)) <= 8


def test_what_falls_behind_is_tried_with_as_many_replicas_as_the_work_asks_for() -> None:
    tried = []

    def run(replicas: int) -> Trial:
        tried.append(replicas)
        return replace(trial(1.0 if replicas >= 9 else 0.0, "throughput"), load=9.2 / replicas)

    assert fewest(arm(), run, 0.9, 32).replicas == 9
    assert tried == [1, 10, 8, 9]
    tried.clear()
    assert not fewest(arm(), run, 0.9, 8).meets
    assert tried == [1, 8]


def test_where_the_most_is_too_few_it_is_told() -> None:
    found = fewest(arm(), lambda replicas: trial(0.5, "TPOT"), 0.9, 6)
    assert (found.replicas, found.meets, found.binds) == (6, False, "TPOT")


def test_no_fewer_than_the_throughput_bound_are_tried() -> None:
    tried = []

    def run(replicas: int) -> Trial:
        tried.append(replicas)
        return trial(1.0)

    assert fewest(arm(fewest=4), run, 0.9, 16).replicas == 4
    assert tried == [4]


# ---- successive halving


def test_parts_of_the_trace_grow_to_all_of_it() -> None:
    assert rungs(200) == [200]
    assert rungs(1000) == [111, 333, 1000]
    assert rungs(19_366) == [717, 2151, 6455, 19_366]


def test_few_arms_see_the_whole_trace_and_the_cheapest_wins() -> None:
    calls: list[tuple[int, int]] = []

    def evaluate(asks: Sequence[Ask]) -> list[Fitted]:
        calls.append((len(asks), asks[0].requests))
        return [Fitted(ask.arm, 1, True, trial(0.95), None) for ask in asks]

    found = halve([arm(f"gpu{n:02}", price=100 - n) for n in range(27)], evaluate, [10, 30, 90], keep=2)
    assert calls == [(8, 10), (8, 10), (8, 30), (3, 90)]  # the dear ones were spared
    assert [one.cost for one in found] == [74, 75, 76]


def test_arms_that_cost_more_than_enough_good_ones_are_spared() -> None:
    tried: list[str] = []

    def evaluate(asks: Sequence[Ask]) -> list[Fitted]:
        tried.extend(ask.arm.name for ask in asks if ask.requests == 10)
        return [Fitted(ask.arm, 1, True, trial(0.95), None) for ask in asks]

    found = halve([arm(f"gpu{n:02}", price=n + 1.0) for n in range(60)], evaluate, [10, 90], keep=2)
    assert len(tried) == 24  # three batches hold the 20 that stay
    assert found[0].cost == 1


def test_an_arm_whose_replicas_do_not_help_is_given_up_soon() -> None:
    tried = []

    def run(replicas: int) -> Trial:
        tried.append(replicas)
        return trial(0.2, "TPOT")

    assert not fewest(arm(), run, 0.9, 64).meets
    assert tried == [1, 2, 64]


def test_arms_that_fell_out_come_back_if_none_that_stayed_meets_the_goal() -> None:
    def evaluate(asks: Sequence[Ask]) -> list[Fitted]:
        return [
            Fitted(ask.arm, 1, ask.requests < 90 or ask.arm.price > 5, trial(0.95 if ask.arm.price > 5 else 0.5), None)
            for ask in asks
        ]

    found = halve([arm(f"gpu{n}", price=n + 1.0) for n in range(9)], evaluate, [30, 90], keep=3)
    assert found[0].meets
    assert found[0].cost == 6
    assert len(found) == 6


def test_what_meets_the_goal_ranks_before_what_is_cheaper() -> None:
    good, dear = Fitted(arm(price=3), 1, True, trial(0.9), None), Fitted(arm(price=1), 1, False, trial(0.8), None)
    worse = Fitted(arm(price=0.5), 1, False, trial(0.1), None)
    assert sorted([worse, dear, good], key=rank) == [good, dear, worse]


# ---- what binds


@pytest.mark.parametrize(
    ("trace", "slo", "binds"),
    [
        ("constant:rate=30,prompt=900,output=101,n=200", TTFT, "throughput"),
        ("constant:rate=1,prompt=900,output=101,n=50", SLO(ttft=SECOND // 100, tpot=SECOND), "TTFT"),
        ("constant:rate=1,prompt=900,output=101,n=50", SLO(ttft=SECOND, tpot=SECOND // 100), "TPOT"),
        ("constant:rate=1,prompt=900,output=101,n=50", SLO(ttft=SECOND, tpot=SECOND // 20), "TPOT"),
        ("poisson:rate=1,n=50,classes=a:9:9:1", SLO(), "the requests' own targets"),
    ],
)
def test_what_binds(trace: str, slo: SLO, binds: str) -> None:
    assert attempt(BASE, Goal(trace, slo, 0.9), asked(trace), Fake()).binds == binds


def test_margins_are_at_the_share_that_must_meet_the_target() -> None:
    trace = "constant:rate=1,prompt=900,output=101,n=50"
    found = attempt(BASE, Goal(trace, SLO(ttft=SECOND, tpot=SECOND // 10), 0.9), asked(trace), Fake())
    assert found.ttft == pytest.approx(0.09)
    assert found.ttft_margin == pytest.approx(0.91)
    assert found.tpot_margin == found.margin == pytest.approx(0.6)


class Memory(Fake):
    """Says of every run that so many requests were preempted, or refused."""

    def __init__(self, **changed: int) -> None:
        super().__init__()
        self.changed = changed

    def __call__(self, *args: Any, **options: Any) -> Any:
        found = super().__call__(*args, **options)
        found.result["preemptions"] = self.changed.get("preemptions", 0)
        found.result["requests"]["refused"] = self.changed.get("refused", 0)
        return found


def test_memory_binds_where_requests_are_refused_or_preempted_in_numbers() -> None:
    trace = "constant:rate=1,prompt=900,output=101,n=50"
    tight = Goal(trace, SLO(ttft=SECOND // 100), 0.9)
    assert attempt(BASE, tight, asked(trace), Memory(preemptions=40)).binds == "memory"
    assert attempt(BASE, tight, asked(trace), Memory(preemptions=1)).binds == "TTFT"
    assert attempt(BASE, Goal(trace, TTFT, 0.9), asked(trace), Memory(refused=1)).binds == "memory"


# ---- the whole search


def search(goal: Goal = GOAL, *, fake: Fake | None = None, **changed: Any) -> Plan:
    return plan(space(**changed), BASE, goal, rehearse=fake or Fake({"h100": 20_000.0, "l40s": 10_000.0}))


def test_the_cheapest_that_meets_the_slo_wins() -> None:
    found = search()  # 34,000 tokens/s: four l40s at $1 do 40,000, two h100 at $3 do 40,000
    assert found.winner is not None
    assert (found.winner.arm.design.hardware, found.winner.devices) == ("l40s", 4)
    assert found.winner.cost == 4.0
    assert found.winner.binds == "throughput"
    assert [one.cost for one in found.found] == sorted(one.cost for one in found.found)
    assert found.sure
    assert "it holds within the error" in answer(found)[1]


@pytest.mark.parametrize("rate", [3, 12, 34, 70])
def test_the_winner_is_that_of_trying_everything_on_the_whole_trace(rate: int) -> None:
    trace = f"gamma:rate={rate},cv=2,prompt=lognormal:700:0.8,output=101,n=700"
    goal, fake = Goal(trace, TTFT, 0.9), Fake({"h100": 20_000.0, "l40s": 9_000.0})
    searched = space(policies=["fcfs", "sarathi"])
    kept, _ = arms(searched, BASE, asked(trace))
    every = [fit_arm(Ask(one, 700, one.fewest), goal, asked(trace), 16, fake) for one in kept]
    found = plan(searched, BASE, goal, rehearse=fake)
    assert found.found[0].cost == min(every, key=rank).cost
    assert found.found[0].meets == min(every, key=rank).meets


def test_prices_decide() -> None:
    found = search(prices={"h100": 1.0, "l40s": 1.0})
    assert found.winner is not None
    assert found.winner.arm.design.hardware == "h100"


def test_a_winner_that_slower_steps_would_break_is_told_with_what_is_safe() -> None:
    goal = Goal("constant:rate=29.5,prompt=900,output=101,n=2500", TTFT, 0.9)
    found = search(goal, tps=[1], prices={"l40s": 1.0})
    assert found.winner is not None
    assert found.winner.replicas == 3
    assert not found.sure
    assert found.safe is not None
    assert found.safe.replicas == 4
    assert "only just" in answer(found)[1]
    assert "take 4 replicas, $4.00 an hour" in answer(found)[1]
    stuck = search(goal, tps=[1], prices={"l40s": 1.0}, max_devices=3)
    assert stuck.safe is None
    assert "no allowed number of replicas helps" in answer(stuck)[1]


def test_without_an_error_bar_nothing_is_claimed() -> None:
    found = search(tps=[1], prices={"l40s": 1.0})
    assert found.winner is not None
    plain = replace(found.winner, trial=replace(found.winner.trial, error=0.0))
    assert answer(replace(found, found=(plain,)))[1] == "the prediction has no error bar"


def test_where_nothing_meets_the_slo_the_closest_is_told() -> None:
    found = search(Goal(TRACE, SLO(ttft=1000), 0.9))
    assert found.winner is None
    assert (found.slow, found.safe) == (None, None)
    assert "nothing meets the SLO" in answer(found)[0]
    assert json.loads(json.dumps(to_json(found)))["winner"] is None


def test_the_table_and_the_json_tell_the_same() -> None:
    found = search(prices=PRICES | {"rtx4090": 1.4}, tps=[1])
    text = io.StringIO()
    show(found, text)
    assert "4 x l40s, fcfs: $4.00 an hour" in text.getvalue()
    assert "3 engines and policies tried on 600 requests at 34.1/s" in text.getvalue().replace("\n", " ")
    data = json.loads(json.dumps(to_json(found)))
    assert data["winner"]["dollars_per_hour"] == 4.0
    assert data["holds_within_error"] is True
    assert len(data["found"]) == len(found.found)


def test_what_was_left_out_is_told() -> None:
    text = io.StringIO()
    show(search(tps=[1, 3]), text)
    assert "Left out for layout: h100, 3 devices an engine; l40s, 3 devices an engine." in text.getvalue()


def test_without_an_slo_there_is_nothing_to_plan_for() -> None:
    with pytest.raises(ValueError, match="give --slo"):
        search(Goal(TRACE, SLO(), 0.9))


def test_a_trace_without_times_cannot_be_planned_for() -> None:
    with pytest.raises(ValueError, match="no arrival times"):
        search(Goal("closed:concurrency=4,n=10", TTFT, 0.9))


def test_where_nothing_can_be_tried_every_reason_is_told() -> None:
    with pytest.raises(ValueError, match="no design can do it: h100, 3 devices an engine: 32 heads"):
        search(tps=[3], prices={"h100": 3.0})


def test_the_search_is_deterministic() -> None:
    assert to_json(search()) == to_json(search())
