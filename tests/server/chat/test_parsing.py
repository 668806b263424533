"""Thoughts, content and calls in what a model writes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doubletime.server.chat.parsing.answer import AnswerParser
from doubletime.server.chat.parsing.calls import CallParser
from doubletime.server.chat.parsing.deltas import Arguments, Broken, Call, Content, Delta, Thought, merged
from doubletime.server.chat.parsing.forced import NamedParser, RequiredParser
from doubletime.server.chat.parsing.hermes import HermesParser
from doubletime.server.chat.parsing.llama3 import Llama3Parser
from doubletime.server.chat.parsing.mistral import MistralParser
from doubletime.server.chat.parsing.think import ThinkParser, opens_thought

TOOLS = ("look", "add")
PARSERS: dict[str, Callable[[], AnswerParser]] = {
    "hermes": lambda: AnswerParser(calls=HermesParser(TOOLS)),
    "llama3": lambda: AnswerParser(calls=Llama3Parser(TOOLS)),
    "mistral": lambda: AnswerParser(calls=MistralParser(TOOLS)),
    "named": lambda: AnswerParser(calls=NamedParser("look")),
    "required": lambda: AnswerParser(calls=RequiredParser(TOOLS)),
    "think": lambda: AnswerParser(ThinkParser()),
    "opened": lambda: AnswerParser(ThinkParser(opened=True)),
    "both": lambda: AnswerParser(ThinkParser(), HermesParser(TOOLS)),
    "neither": AnswerParser,
}
LOOK = [Call(0, "look"), Arguments(0, '{"at": "x"}')]


def parse(parser: AnswerParser, *pieces: str) -> list[Delta]:
    """Everything that the parser finds, neighbours joined."""
    found = [delta for piece in pieces for delta in parser.push(piece)]
    return merged(found + parser.finish())


def called(calls: CallParser, text: str) -> list[Delta]:
    return parse(AnswerParser(calls=calls), text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello", [Content("Hello")]),
        ('<tool_call>\n{"name": "look", "arguments": {"at": "x"}}\n</tool_call>', LOOK),
        ('<tool_call>{"arguments": {"at": "x"}, "name": "look"}</tool_call>', LOOK),
        ('<tool_call>{"type": "function", "name": "look", "arguments": {"at": "x"}, "id": "7"}</tool_call>', LOOK),
        ('<tool_call>{"name": "look", "arguments": {"at": "x"}}', LOOK),
        ('<tool_call>{"name": "look"}</tool_call>', [Call(0, "look"), Arguments(0, "{}")]),
        (
            'I look.\n<tool_call>{"name": "look", "arguments": {}}</tool_call>\n'
            '<tool_call>{"name": "add", "arguments": {"n": [1, {"m": "}"}]}}</tool_call>\nDone. ',
            [
                Content("I look."),
                Call(0, "look"),
                Arguments(0, "{}"),
                Call(1, "add"),
                Arguments(1, '{"n": [1, {"m": "}"}]}'),
                Content("Done. "),
            ],
        ),
        (
            r'<tool_call>{"name": "look", "arguments": {"at": "a \"</tool_call>\" \\ \u00e9"}}</tool_call>',
            [Call(0, "look"), Arguments(0, r'{"at": "a \"</tool_call>\" \\ \u00e9"}')],
        ),
    ],
)
def test_hermes(text: str, found: list[Delta]) -> None:
    assert called(HermesParser(TOOLS), text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "look", "parameters": {"at": "x"}}', LOOK),
        ('<|python_tag|>{"name": "look", "parameters": {"at": "x"}}', LOOK),
        ('\n  {"type": "function", "name": "look", "parameters": {"at": "x"}}\n', LOOK),
        ('So:\n{"name": "look", "arguments": {"at": "x"}}', [Content("So:"), *LOOK]),
        ('So: <|python_tag|>{"name": "look", "arguments": {"at": "x"}}', [Content("So:"), *LOOK]),
        *(
            (f'{{"name": "look", "parameters": {{"at": "x"}}}}{between}{{"name": "add", "parameters": {{}}}}', both)
            for both in [[*LOOK, Call(1, "add"), Arguments(1, "{}")]]
            for between in ("; ", ";", "\n", "")
        ),
        ('{"name": "look", "parameters": {"at": "x"}}; then', [*LOOK, Content("; then")]),
    ],
)
def test_llama3(text: str, found: list[Delta]) -> None:
    assert called(Llama3Parser(TOOLS), text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[TOOL_CALLS][{"name": "look", "arguments": {"at": "x"}}]', LOOK),
        ('[TOOL_CALLS] [{"name": "look", "arguments": {"at": "x"}, "id": "123456789"}]', LOOK),
        ('[TOOL_CALLS]look[ARGS]{"at": "x"}', LOOK),
        ('[TOOL_CALLS]look{"at": "x"}', LOOK),
        ('[TOOL_CALLS]look[CALL_ID]123456789[ARGS]{"at": "x"}', LOOK),
        (
            'Yes.[TOOL_CALLS][{"name": "look", "arguments": {"at": "x"}}, {"name": "add", "arguments": {"n": 1}}]',
            [Content("Yes."), *LOOK, Call(1, "add"), Arguments(1, '{"n": 1}')],
        ),
        (
            '[TOOL_CALLS]look[ARGS]{"at": "x"}[TOOL_CALLS]add[ARGS]{"n": 1}',
            [*LOOK, Call(1, "add"), Arguments(1, '{"n": 1}')],
        ),
    ],
)
def test_mistral(text: str, found: list[Delta]) -> None:
    assert called(MistralParser(TOOLS), text) == found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("hermes", "write <tool_call> and </tool_call> around it"),
        ("hermes", '<tool_call>{"name": "fly", "arguments": {}}</tool_call>'),
        ("hermes", '<tool_call>{"name": "look", "arguments": "x"}</tool_call>'),
        ("hermes", '<tool_call>{"name": look, "arguments": {}}</tool_call>'),
        ("hermes", '<tool_call>{"name": "look"'),
        ("hermes", '<tool_call>{"arguments": {"n": NaN}, "name": "look"}</tool_call>'),
        ("hermes", '<tool_call>{"arguments": ' + '{"n":' * 300),
        ("hermes", "<tool_call><tool_call><tool"),
        ("hermes", '{"name": "look", "arguments": {}}'),
        ("llama3", '{"name": "Ada", "born": 1815}'),
        ("llama3", '{"name": "look"}'),
        ("llama3", '{"name": "look", "description": "a tool", "parameters": {"type": "object"}}'),
        ("llama3", 'such as {"name": "look", "parameters": {}}'),
        ("llama3", "<|python_tag|>print(1)"),
        ("llama3", "{\n{\n\n {"),
        ("mistral", "[TOOL_CALLS] are calls"),
        ("mistral", "[TOOL_CALLS]fly[ARGS]{}"),
        ("mistral", "[TOOL_CALLS]look"),
        ("mistral", '[TOOL_CALLS][{"name": "fly", "arguments": {}}]'),
        ("named", "no object"),
        ("named", ""),
        ("required", '[{"name": "fly", "arguments": {}}]'),
        ("think", "I <think> so </think>"),
    ],
)
def test_what_only_looks_like_a_call_is_content(kind: str, text: str) -> None:
    assert parse(PARSERS[kind](), text) == merged([Content(text)] if text else [])


def test_arguments_that_are_no_json_are_told_with_all_of_their_text() -> None:
    text = '<tool_call>{"name": "look", "arguments": {"at": x</tool_call> and so on'
    broken = text[: text.index("</tool_call>")]
    assert called(HermesParser(TOOLS), text) == [
        Call(0, "look"),
        Arguments(0, '{"at": x'),
        Broken(0, broken),
        Content("</tool_call> and so on"),
    ]


def test_a_call_after_a_broken_one_is_found() -> None:
    text = '<tool_call>{"name": "look", "arguments": {"at":}}</tool_call><tool_call>{"name": "add"}</tool_call>'
    found = called(HermesParser(TOOLS), text)
    assert [delta for delta in found if isinstance(delta, Call | Broken)] == [
        Call(0, "look"),
        Broken(0, '<tool_call>{"name": "look", "arguments": {"at":}'),
        Call(1, "add"),
    ]


@pytest.mark.parametrize("odd", ["</tool_call>", ', "more": 1}</tool_call>', ', "id": 5}', ' "'])
def test_a_call_stands_once_its_arguments_are_complete(odd: str) -> None:
    found = called(HermesParser(TOOLS), '<tool_call>{"name": "look", "arguments": {"at": "x"}' + odd)
    assert found[:2] == LOOK
    assert not any(isinstance(delta, Broken) for delta in found)


def test_arguments_are_told_as_they_come() -> None:
    parser = HermesParser(TOOLS)
    assert parser.push('ok <tool_call>{"name": "lo') == [Content("ok")]
    assert parser.push('ok", "arguments": {"at') == [Call(0, "look"), Arguments(0, '{"at')]
    assert parser.push('": "x"') == [Arguments(0, '": "x"')]
    assert parser.push("}}</tool_") == [Arguments(0, "}")]
    assert parser.push("call>") == parser.finish() == []


def test_text_is_held_back_only_while_it_may_become_a_call() -> None:
    parser = HermesParser(TOOLS)
    assert parser.push("a <") == [Content("a")]
    assert parser.push("b <tool_c") == [Content(" <b")]
    assert parser.push("at>") == [Content(" <tool_cat>")]


def test_a_long_answer_is_read_as_a_short_one() -> None:
    text = "word {\n" * 3000 + '{"name": "look", "parameters": {"at": "x"}}'
    pieces = [text[at : at + 10] for at in range(0, len(text), 10)]
    assert parse(AnswerParser(calls=Llama3Parser(TOOLS)), *pieces) == [Content(("word {\n" * 3000).rstrip()), *LOOK]


def test_a_required_answer_is_one_call_or_a_list() -> None:
    one = '{"name": "look", "arguments": {"at": "x"}}'
    assert called(RequiredParser(TOOLS), one) == LOOK
    assert called(RequiredParser(TOOLS), f'[{one}, {{"name":"add","arguments":{{}}}}]') == [
        *LOOK,
        Call(1, "add"),
        Arguments(1, "{}"),
    ]
    cut = called(RequiredParser(TOOLS), f'[{one}, {{"name":"add","arguments":{{"n"')
    assert cut[-1] == Broken(1, ', {"name":"add","arguments":{"n"')


def test_a_named_answer_is_the_arguments() -> None:
    assert called(NamedParser("look"), '{"at": "x"}\n') == LOOK
    assert called(NamedParser("look"), '{"at": "') == [
        Call(0, "look"),
        Arguments(0, '{"at": "'),
        Broken(0, '{"at": "'),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("think", "<think>\nHm.\n</think>\n\nYes.\n", [Thought("Hm."), Content("Yes.\n")]),
        ("think", " <think>Hm. ", [Thought("Hm. ")]),
        ("think", " Yes.", [Content(" Yes.")]),
        ("think", "<think></think>Yes.", [Content("Yes.")]),
        ("opened", "Hm.\n\nHm?</think>Yes.", [Thought("Hm.\n\nHm?"), Content("Yes.")]),
        ("opened", "<think>Hm.</think>Yes.", [Thought("Hm."), Content("Yes.")]),
        (
            "both",
            '<think>I <tool_call></think><tool_call>{"name": "look", "arguments": {"at": "x"}}</tool_call>',
            [Thought("I <tool_call>"), *LOOK],
        ),
    ],
)
def test_thoughts(kind: str, text: str, found: list[Delta]) -> None:
    assert parse(PARSERS[kind](), text) == found


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [("<a><think>\n", True), ("<a><think>", True), ("<a><think>\n\n</think>\n\n", False), ("<think> what?<a>", False)],
)
def test_a_template_may_open_a_thought(prompt: str, opened: bool) -> None:
    assert opens_thought(prompt) is opened


FRAGMENTS = [
    "<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "[ARGS]", "[CALL_ID]",
    '{"name": "look", "arguments": ', '{"name": "look", "parameters": ', '{"arguments": {}, "name": "add"}',
    '{"name": "look"', '{"at": "x"}', '{"at": "\\"\\u00e9}', '"}', "}", "{", "[", "]", ";", ",", "look", " ", "\n", "é",
    '"', "\\", ":", "name", "<", "tool",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)


@pytest.mark.parametrize("kind", PARSERS)
@given(text=TEXTS, data=st.data())
@example(text='[TOOL_CALLS][{"name": "look", "arguments": {"at": "x"}} , {"name": "fly"}] .', data=None)
def test_however_the_text_is_cut_the_deltas_add_up_to_the_same(
    kind: str, text: str, data: st.DataObject | None
) -> None:
    whole = parse(PARSERS[kind](), text)
    assert parse(PARSERS[kind](), *text) == whole
    if data is not None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert parse(PARSERS[kind](), *pieces) == whole


@pytest.mark.parametrize("kind", PARSERS)
@given(text=TEXTS)
def test_calls_are_of_known_tools_and_valid_json_and_nothing_else_is_lost(kind: str, text: str) -> None:
    found = parse(PARSERS[kind](), text)
    broken = {delta.number for delta in found if isinstance(delta, Broken)}
    calls = [delta for delta in found if isinstance(delta, Call)]
    assert [call.number for call in calls] == list(range(len(calls)))
    for call in calls:
        assert call.name in TOOLS
        arguments = "".join(
            delta.text for delta in found if isinstance(delta, Arguments) and delta.number == call.number
        )
        if call.number not in broken:
            assert isinstance(json.loads(arguments), dict)
    if not calls and not any(isinstance(delta, Thought) for delta in found) and kind not in ("think", "opened", "both"):
        assert "".join(delta.text for delta in found if isinstance(delta, Content)) == text
