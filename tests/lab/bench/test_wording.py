"""What prompts look like, and that a conversation goes on with what the server really said."""

from __future__ import annotations

from typing import Any

from doubletime.lab.bench.dialect import Dialect, Endpoint, dialects
from doubletime.lab.bench.wording import Answer, ChatWording, TextWording, TokenWording
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.job import Session
from doubletime.lab.workload.open import open_workload
from doubletime.lab.workload.prompts import Prompts

PROMPTS = ("closed:concurrency=1,prompt=32,output=16,turns=3,more=10,n=3", 16, 256)


def conversation() -> tuple[list[Ticket], Prompts]:
    """The three turns of one session: prompts of 32, 58 and 84 tokens, each with what came before it."""
    session: Session = next(open_workload(PROMPTS[0]).sessions())
    jobs = session.jobs
    assert [job.prompt for job in jobs] == [32, 58, 84]
    tickets = [Ticket(turn, 0, job, session, 0, len(jobs) - turn - 1) for turn, job in enumerate(jobs)]
    return tickets, Prompts(*PROMPTS[1:])


def test_a_chat_goes_on_with_the_server_s_answer() -> None:
    tickets, prompts = conversation()
    wording = ChatWording(prompts)
    first = wording.prompt(tickets[0])
    assert [message["role"] for message in first] == ["user"]
    assert len(first[0]["content"].split()) == 32
    wording.answered(tickets[0], first, Answer(["Hello", " there"]))
    second = wording.prompt(tickets[1])
    assert second[:2] == [*first, {"role": "assistant", "content": "Hello there"}]
    assert len(second[2]["content"].split()) == 10  # what the turn adds
    wording.answered(tickets[1], second, Answer(["Bye"]))
    assert [message["role"] for message in wording.prompt(tickets[2])] == ["user", "assistant"] * 2 + ["user"]


def test_a_text_goes_on_after_its_continuation() -> None:
    tickets, prompts = conversation()
    wording = TextWording(prompts)
    first = wording.prompt(tickets[0])
    wording.answered(tickets[0], first, Answer([" so", " it went"]))
    second = wording.prompt(tickets[1])
    assert second.startswith(first + " so it went ")
    assert len(second.split()) == 32 + 3 + 10


def test_token_ids_go_on_with_the_answer_s_own() -> None:
    tickets, prompts = conversation()
    wording = TokenWording(prompts)
    first = wording.prompt(tickets[0])
    answer = list(range(1000, 1016))
    wording.answered(tickets[0], first, Answer([], answer))
    second = wording.prompt(tickets[1])
    assert isinstance(second, list)
    assert len(second) == 58
    assert second[:48] == [*first, *answer]


def test_without_the_answer_s_ids_others_stand_for_them() -> None:
    tickets, prompts = conversation()
    wording = TokenWording(prompts)
    first = wording.prompt(tickets[0])
    wording.answered(tickets[0], first, Answer(["text only"]))
    second = wording.prompt(tickets[1])
    assert (len(second), second[:32]) == (58, first)


def test_a_turn_whose_forerunner_failed_stands_alone() -> None:
    tickets, prompts = conversation()
    wording = ChatWording(prompts)
    wording.answered(tickets[0], wording.prompt(tickets[0]), Answer(["x"]))
    wording.forget(tickets[0])
    alone = wording.prompt(tickets[1])
    assert len(alone) == 1
    assert len(alone[0]["content"].split()) == 58


def test_answers_are_only_asked_for_where_a_turn_follows() -> None:
    tickets, _ = conversation()
    dialect = Dialect(Endpoint.COMPLETIONS, token_ids=True, ignore_eos=True, usage=True, returned=True)
    asked = [dialect.body("m", ticket, [1]).get("return_token_ids") for ticket in tickets]
    assert asked == [True, True, None]


def test_the_best_dialect_comes_first_and_the_plainest_last() -> None:
    for endpoint in Endpoint:
        found = dialects(endpoint)
        assert found[0].ignore_eos
        assert found[0].usage
        assert found[-1] == Dialect(endpoint, token_ids=False, ignore_eos=False, usage=False, returned=False)
        assert len(set(found)) == len(found)


def test_a_chat_s_body() -> None:
    tickets, prompts = conversation()
    dialect = dialects(Endpoint.CHAT)[0]
    message: Any = dialect.wording(prompts).prompt(tickets[0])
    assert dialect.body("m", tickets[0], message) == {
        "model": "m", "max_tokens": 16, "temperature": 0, "stream": True, "messages": message, "ignore_eos": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
