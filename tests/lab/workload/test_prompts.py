"""Token ids that share what the trace shares."""

from __future__ import annotations

import pytest

from doubletime.decoding.keys import KeyChain
from doubletime.lab.workload.content import Blocks, Run, Tokens, runs_of
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.open import open_workload
from doubletime.lab.workload.prompts import Prompts


def ticket(job: Job, number: int = 0, left: int = 0) -> Ticket:
    return Ticket(number, 0, job, Session(0, (job,)), 0, left)


def test_lengths_and_range_are_exact_and_the_seed_decides() -> None:
    job = Job(1001, 5)
    tokens = Prompts(10, 90, seed=1).tokens(ticket(job))
    assert len(tokens) == 1001
    assert set(tokens) == set(range(10, 90))
    assert tokens == Prompts(10, 90, seed=1).tokens(ticket(job))
    assert tokens != Prompts(10, 90, seed=2).tokens(ticket(job))
    assert tokens[:50] != Prompts(10, 90, seed=1).tokens(ticket(job, number=1))[:50]


def test_shared_blocks_become_shared_tokens_and_nothing_else() -> None:
    prompts = Prompts(0, 5000)
    one = prompts.tokens(ticket(Job(100, 1, content=Blocks(0, (Run(7, 3),))), 1))
    two = prompts.tokens(ticket(Job(80, 1, content=Blocks(0, (Run(7, 2), Run(40, 1)))), 2))
    assert one[:32] == two[:32]
    assert one[32:48] != two[32:48]
    assert one[48:80] != two[48:80]


def test_the_engine_finds_the_same_blocks_as_the_trace() -> None:
    """The keys computed from the tokens are shared exactly where the workload's are."""
    spec = "closed:concurrency=1,n=30,prompt=uniform:30:200,output=20,prefix=64,groups=2,turns=3,more=17"
    prompts = Prompts(16, 4096)
    jobs = [job for session in open_workload(spec).sessions() for job in session.jobs]
    named: dict[int, int] = {}
    for number, job in enumerate(jobs):
        keys = KeyChain(16).extend(prompts.tokens(ticket(job, number)))
        for ours, engines in zip(job.keys, keys, strict=False):
            assert named.setdefault(ours, engines) == engines
    assert len(set(named.values())) == len(named)


def test_what_the_model_said_comes_back_in_the_next_turn() -> None:
    (session,) = open_workload("closed:concurrency=1,n=3,turns=3,prompt=37,output=21,more=5").sessions()
    prompts = Prompts(100, 200)
    text: list[int] = []
    for number, job in enumerate(session.jobs):
        at = ticket(job, number, left=2 - number)
        prompt = prompts.tokens(at)
        assert list(prompt[: len(text)]) == text
        answer = [number] * 21  # outside the range of random tokens
        prompts.answered(at, prompt, answer)
        text = [*prompt, *answer]
    assert prompts._said == {}


def test_known_tokens_are_taken_as_they_are() -> None:
    job = Job(3, 1, content=Tokens((5, 6, 7)), tokens=(5, 6, 7))
    assert Prompts(10, 20).tokens(ticket(job)) == (5, 6, 7)


def test_keys_of_known_tokens_are_those_of_the_engine() -> None:
    ids = tuple(range(50))
    assert Job(50, 1, content=Tokens(ids)).keys == KeyChain(16).extend(ids)
    assert len(Tokens(ids).keys(31)) == 1


def test_block_ids_are_unique_in_their_space() -> None:
    assert len({key for space in range(3) for key in Blocks(space, (Run(0, 1000),)).keys(16000)}) == 3000
    assert runs_of([4, 5, 6, 9, 10, 2]) == (Run(4, 3), Run(9, 2), Run(2, 1))


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="not empty"):
        Prompts(5, 5)


def test_a_job_is_what_the_core_wants() -> None:
    job = Job(40, 9, content=Blocks(0, (Run(1, 2),)), priority=2, tenant="t", program="p")
    request = job.request(7, seed=5)
    assert (request.id, request.prompt, request.limit, request.priority) == (7, 40, 9, 2)
    assert (request.tenant, request.program, request.seed) == ("t", "p", 5)
    assert request.keys == job.keys
    assert request.key_tokens == 16
