"""The chat format, as text and as the template that the tokenizer ships with."""

from __future__ import annotations

from training.config import Special

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def user(content: str) -> str:
    """A user's turn and the opening of the answer: what the model is prompted with."""
    return f"{Special.START}user\n{content}{Special.END}\n{Special.START}assistant\n"


def system(content: str) -> str:
    return f"{Special.START}system\n{content}{Special.END}\n"


def answer(content: str) -> str:
    """What the model has to write; the newline after the end of turn belongs to the next turn."""
    return f"{content}{Special.END}"
