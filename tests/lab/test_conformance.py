"""The suite passes the policies that ship, and catches or survives bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubletime.lab.conformance import MOST_FAILURES, check
from doubletime.policies import NAMES, UnknownPolicy

HEAD = """
import random
from doubletime.core.default import Default, fill
from doubletime.core.policy import Policy
from doubletime.core.vocabulary import Fate

"""


@pytest.fixture
def policy(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str) -> str:
        file = tmp_path / "bad.py"
        file.write_text(HEAD + text)
        return str(file)

    return write


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_that_ships_passes(name: str) -> None:
    counted = []
    report = check(name, worlds=12, seed=1000, progress=lambda: counted.append(1))
    assert report.failures == []
    assert (report.policy, report.worlds, len(counted)) == (name, 12, 12)
    assert report.steps > 100
    assert report.longest_wait_s > 0


def test_an_unknown_policy_is_no_finding_but_an_error() -> None:
    with pytest.raises(UnknownPolicy):
        check("nobody", worlds=1)


def test_an_exception_is_survived_and_reported(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(policy("class Bad(Policy):\n    def compose(self, step):\n        raise RuntimeError('oops')"), 3)
    assert len(report.failures) == 4, "each world, and that it planned nothing itself"
    assert "seed 0: Nonconformance: in step 0 the policy failed: RuntimeError: oops" in report.failures[0]
    assert "planned none of" in report.failures[-1]


@pytest.mark.parametrize("hook", ["arrive(self, seq, now)", "key(self, seq)", "rank(self, seq, block)"])
def test_an_exception_of_a_hook_is_survived_and_reported(policy, hook: str) -> None:  # type: ignore[no-untyped-def]
    report = check(policy(f"class Bad(Default):\n    def {hook}:\n        raise RuntimeError('oops')"), 3)
    assert report.failures
    assert all("the policy failed" in failure and "RuntimeError: oops" in failure for failure in report.failures)


def test_idling_forever_is_survived_and_reported(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(policy("class Bad(Policy):\n    def compose(self, step):\n        pass"), 3)
    assert [failure.split(" of ")[0] for failure in report.failures] == ["seed 0: the policy planned none"]


def test_sleeping_forever_is_reported(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(policy("class Bad(Policy):\n    def compose(self, step):\n        step.sleep(step.now + 1000)"), 2)
    assert "no end after" in report.failures[0]
    assert "were not served in" in report.failures[-1]


@pytest.mark.parametrize("key", ["random.random()", "id(seq) % 977", "id(object()) // 64 % 7 + random.random()"])
def test_chance_and_identity_are_reported(policy, key: str) -> None:  # type: ignore[no-untyped-def]
    report = check(policy(f"class Bad(Default):\n    def key(self, seq):\n        return {key}"), 12)
    assert any("not deterministic" in failure for failure in report.failures)


def test_preempting_everybody_in_each_step_is_survived_or_reported_as_no_progress(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(
        policy(
            "class Bad(Policy):\n    def compose(self, step):\n"
            "        for seq in list(step.running()):\n            step.preempt(seq)\n        fill(step, None)"
        ),
        1,
    )
    assert report.failures
    assert all("no end after" in failure or "not served" in failure for failure in report.failures)


LIFO = """
class Bad(Default):
    bounded = {bounded}
    def key(self, seq):
        return -seq.arrived
"""


def test_serving_the_latest_first_breaks_the_bound_that_it_declares(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(policy(LIFO.format(bounded=True)), 2)
    (failure,) = report.failures
    assert failure.startswith("overload, seed 0: request ")
    assert "over its bound of" in failure


def test_who_declares_no_bound_is_only_measured(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(policy(LIFO.format(bounded=False)), 2)
    assert report.failures == []
    assert report.longest_wait_s > 0


def test_a_check_ends_when_it_has_seen_enough(policy) -> None:  # type: ignore[no-untyped-def]
    report = check(policy("class Bad(Policy):\n    def compose(self, step):\n        1 / 0"), 1000)
    assert report.worlds == MOST_FAILURES


def test_a_failure_names_the_seed_that_repeats_it(policy) -> None:  # type: ignore[no-untyped-def]
    text = "class Bad(Default):\n    def admit(self, step, seq):\n        return 1 // (seq.prompt % 7)"
    first = check(policy(text), worlds=6, seed=5).failures
    seed = int(first[-1].removeprefix("seed ").split(":")[0])
    assert check(policy(text), worlds=1, seed=seed).failures[0] == first[-1]
