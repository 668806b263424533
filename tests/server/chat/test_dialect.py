"""How a model writes calls and thoughts is seen from its template and its vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken

from doubletime.decoding.tokenizer import Tokenizer
from doubletime.server.chat.dialect import TOOL_PARSERS, Dialect, dialect_of
from tests.decoding.conftest import byte_level


def folder(path: Path, template: object, ordinary: tuple[str, ...] = (), special: tuple[str, ...] = ()) -> Tokenizer:
    backend = byte_level()
    backend.add_tokens([AddedToken(mark, special=False) for mark in ordinary])
    backend.add_special_tokens([AddedToken(mark, special=True) for mark in special])
    backend.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template} if template else {}))
    return Tokenizer(path)


QWEN = r'{{ "<tool_call>\n{\"name\": <name>, \"arguments\": <object>}\n</tool_call>" }}'


@pytest.mark.parametrize(
    ("template", "ordinary", "special", "expected"),
    [
        ("{{ messages }}", (), (), Dialect()),
        (None, (), (), Dialect()),
        (QWEN, ("<tool_call>", "</tool_call>"), (), Dialect("hermes")),
        (QWEN + "{% if m %}<think>{% endif %}", ("<think>", "</think>"), (), Dialect("hermes", True)),
        ([{"name": "default", "template": "-"}, {"name": "tool_use", "template": QWEN}], (), (), Dialect("hermes")),
        ("<tool_call><function=f><parameter=x>", ("<tool_call>",), (), Dialect("none")),
        ("<tool_call>{{ f }}<arg_key>", ("<tool_call>",), (), Dialect("none")),
        ("[TOOL_CALLS]", (), ("[TOOL_CALLS]",), Dialect("mistral", special=True)),
        ("{{ messages }}", (), ("[TOOL_CALLS]", "[ARGS]"), Dialect("mistral", special=True)),
        ("<|python_tag|>", (), ("<|python_tag|>",), Dialect("llama3", special=True)),
        ('{"parameters": {}}', (), ("<|python_tag|>",), Dialect("llama3", special=True)),
        ("{{ messages }}", (), ("<|python_tag|>",), Dialect("none", special=True)),
        ("{{ m.split('</think>') }}", (), (), Dialect("none", True)),
        ("{{ messages }}", ("<think>", "</think>"), (), Dialect("none", True)),
    ],
)
def test_auto(
    tmp_path: Path, template: object, ordinary: tuple[str, ...], special: tuple[str, ...], expected: Dialect
) -> None:
    assert dialect_of(folder(tmp_path, template, ordinary, special)) == expected


def test_what_the_user_says_goes_first(tmp_path: Path) -> None:
    tokenizer = folder(tmp_path, QWEN + "<think>")
    assert dialect_of(tokenizer, "none", "none") == Dialect()
    assert dialect_of(tokenizer, "llama3", "think") == Dialect("llama3", True)


def test_the_command_line_offers_every_parser() -> None:
    from doubletime.commands.serve import TOOL_PARSERS as OFFERED

    assert set(OFFERED) == {"auto", *TOOL_PARSERS}
