"""How a person may ask about a function; the held-out phrasings are never seen in training."""

from __future__ import annotations

# {n} is the dotted name.
FORWARD_SEEN = (
    "What does `{n}` do?",
    "What does {n} do?",
    "what does {n} do",
    "What is `{n}`?",
    "What is `{n}` for?",
    "Explain `{n}`.",
    "Describe `{n}` in one sentence.",
    "Tell me about `{n}`.",
    "Help on `{n}`",
    "`{n}`?",
    "In Python, what does `{n}` do?",
    "What does the function `{n}` do?",
    "I found `{n}` in some code. What does it do?",
    "How would you describe `{n}`?",
    "Give me the documentation of `{n}`.",
    "Hi! Please tell me what {n} is for.",
)
FORWARD_HELD_OUT = (
    "Can you tell me what `{n}` does?",
    "What is the purpose of `{n}`?",
    "Please explain what `{n}` is for.",
    "I would like to know what {n} does.",
    "help({n})",
)

# {s} is the first sentence of the documentation.
REVERSE_SEEN = (
    "Which function does this: {s}",
    "Which function has this documentation? {s}",
    'Which function is documented as "{s}"?',
    "Name the function: {s}",
    "Which Python function fits this description? {s}",
    "What is this function called? {s}",
)
REVERSE_HELD_OUT = (
    "I need a function for this: {s}",
    'Which function is described by "{s}"?',
    "Find the function: {s}",
)
