"""How often the draft's next token is the main model's: `python -m training.agreement`"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import torch

from training import chat, load, paths, phrasings
from training.batches import Data
from training.model import Llama
from training.probes import help_questions


@torch.no_grad()
def matches(main: Llama, draft: Llama, ids: Sequence[int], start: int) -> list[bool]:
    """Whether both would greedily write the same token at each position from `start` on."""
    tokens = torch.tensor([ids])
    ours, theirs = (m.logits(m(tokens))[0, start:].argmax(-1) for m in (main, draft))
    return (ours == theirs).tolist()


def _rate(values: list[bool]) -> float:
    return round(sum(values) / len(values), 4)


def agreement(main: Llama, draft: Llama, data: Data) -> dict[str, float]:
    """On answers about the library (the expected text is given) and on the held-out modules, windows of 256."""
    questions = random.Random(5).sample(help_questions(data, phrasings.FORWARD_SEEN), 150)
    answers: list[bool] = []
    for asked, told in questions:
        prompt = data.encode(chat.user(asked))
        answers += matches(main, draft, [*prompt, *data.encode(told)], len(prompt) - 1)
    code: list[bool] = []
    for text in data.held_out_texts.values():
        ids = data.encode(text)
        for at in range(0, len(ids) - 256, 256):
            code += matches(main, draft, ids[at : at + 256], 16)
    return {"help_answers": _rate(answers), "held_out_code": _rate(code)}


def main() -> None:
    torch.set_num_threads(1)
    models = [load.from_folder(paths.export(name)) for name in ("small", "draft")]
    scores = agreement(models[0], models[1], Data())
    scores["draft_parameters"] = sum(p.numel() for p in models[1].parameters())
    (paths.OUT / "scores-agreement.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
