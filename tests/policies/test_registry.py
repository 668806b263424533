from __future__ import annotations

from pathlib import Path

import pytest

from doubletime.core.default import Default
from doubletime.core.scheduler import Scheduler
from doubletime.core.stack import PolicyConflict, Stack
from doubletime.policies import NAMES, UnknownPolicy, knobs, load, policy_class
from doubletime.policies.sarathi import Sarathi
from tests.core.rig import make_limits


@pytest.mark.parametrize("name", NAMES)
def test_every_name_loads_documents_itself_and_has_a_reference(name: str) -> None:
    (part,) = load(name)
    assert part.name == name
    assert part.reference
    assert type(part).__doc__
    assert all(parameter.default is not parameter.empty for parameter in knobs(type(part)).values())


def test_knobs_are_set_by_name_and_take_the_type_of_their_default() -> None:
    (part,) = load("sarathi:budget=64,tbt=0.05")
    assert isinstance(part, Sarathi)
    assert (part.budget, part.tbt) == (64, 50_000_000)


def test_parts_are_joined_by_plus() -> None:
    assert [part.name for part in load("sarathi:tbt=1 + priority")] == ["sarathi", "priority"]
    assert Stack(load("sarathi+priority"), Default()).name == "sarathi+priority"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nobody", "no policy is named 'nobody'; there are fcfs, flow, layered, priority, sarathi"),
        ("", "no policy is named ''"),
        ("fcfs+", "no policy is named ''"),
        ("fcfs:size=3", "policy fcfs has no knob 'size'; it has budget"),
        ("priority:x=1", "policy priority has no knob 'x'; it has none"),
        ("fcfs:budget=many", "policy fcfs: budget takes a int, not 'many'"),
        ("fcfs:budget", "policy fcfs: budget takes a int, not ''"),
        ("fcfs:budget=0", "policy fcfs: budget must be at least 1 token, not 0"),
        ("sarathi:budget=15", "policy sarathi: budget must be at least 16 tokens"),
        ("sarathi:tbt=-1", "policy sarathi: budget must be at least 16 tokens and tbt not negative, not 512 and -1.0"),
        ("layered:per_group=0", "policy layered: batch and per_group must be at least 1 token, not 8192 and 0"),
        ("layered:batch=0", "policy layered"),
        ("flow:ttft=0", "policy flow: ttft and batch must be positive"),
        ("flow:batch=0", "policy flow"),
        ("flow:margin=-0.1", "policy flow"),
        ("flow:late=0", "late in"),
        ("flow:late=1.1", "late in"),
        ("missing.py", "there is no policy file missing.py"),
    ],
)
def test_a_bad_spec_is_an_error_that_says_what_there_is(spec: str, message: str) -> None:
    with pytest.raises(UnknownPolicy, match=message.replace("(", r"\(")):
        load(spec)


def test_a_file_defines_exactly_one_policy(tmp_path: Path) -> None:
    head = "from doubletime.core.policy import Policy\n"
    file = tmp_path / "mine.py"
    file.write_text(
        head + "class Mine(Policy):\n    name = 'mine'\n    def __init__(self, knob: int = 3): self.knob = knob\n"
    )
    assert policy_class(str(file)).name == "mine"
    assert load(f"{file}:knob=5")[0].knob == 5  # type: ignore[attr-defined]
    file.write_text(head + "class A(Policy): ...\nclass B(Policy): ...\n")
    with pytest.raises(UnknownPolicy, match="exactly one subclass of Policy, it defines 2"):
        load(str(file))
    file.write_text("")
    with pytest.raises(UnknownPolicy, match="it defines 0"):
        load(str(file))


@pytest.mark.parametrize(
    ("spec", "role"),
    [
        ("fcfs+sarathi", "compose"),
        ("flow+priority", "order"),
        ("flow+layered", "compose"),
        ("priority+priority", "order"),
    ],
)
def test_contradictions_are_refused(spec: str, role: str) -> None:
    with pytest.raises(PolicyConflict, match=f"both decide '{role}'"):
        Scheduler(make_limits(), load(spec))


def test_what_may_be_combined() -> None:
    for spec in ("fcfs+priority", "sarathi+priority", "layered+priority"):
        assert Scheduler(make_limits(), load(spec)).stack.name == spec
