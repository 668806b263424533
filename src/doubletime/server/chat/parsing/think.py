"""Thoughts between <think> and </think> at the beginning of an answer (DeepSeek-R1, Qwen3 and many since)."""

from __future__ import annotations

from doubletime.server.chat.parsing.deltas import Content, Thought
from doubletime.server.chat.parsing.parser import Parser, Stretch, until
from doubletime.server.chat.parsing.source import Steps

OPENING, CLOSING = "<think>", "</think>"


class ThinkParser(Parser):
    """Finds Thought, then Content; white space around the tags is dropped. A thought may be cut off by the end.

    `opened`: the prompt ends with the opening tag, so the answer begins inside.
    """

    def __init__(self, opened: bool = False) -> None:
        super().__init__()
        self._opened = opened

    def _read(self) -> Steps[None]:
        yield from self._source.run()
        again = yield from self._source.accept(OPENING)  # some models write it though the prompt has it
        if again or self._opened:
            yield from self._thought()
            yield from self._source.run()
        else:
            self._source.at = 0
        yield from until(self._source, (), lambda text: self._found.append(Content(text)))

    def _thought(self) -> Steps[None]:
        yield from self._source.run()
        stretch = Stretch(Thought, self._found.append)
        yield from until(self._source, (CLOSING,), stretch.say)
        closed = yield from self._source.accept(CLOSING)
        stretch.end(with_gap=not closed)


def opens_thought(prompt: str) -> bool:
    """Whether the prompt leaves a thought open, as the generation prompt of some templates does."""
    return prompt.rstrip().endswith(OPENING)


def is_open(text: str) -> bool:
    """Whether a text that the model is to go on with ends inside a thought."""
    return text.rfind(OPENING) > text.rfind(CLOSING)
