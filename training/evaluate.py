"""Step 4: the final numbers, on the exported weights. `python -m training.evaluate small`"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from typing import Any

import torch

from doubletime.lab import recall
from training import chat, load, paths, phrasings
from training.batches import Data
from training.cached import read, resume
from training.damage import DAMAGES, Cache
from training.model import Llama
from training.parallel import workers
from training.probes import exact, help_questions, perplexity, reverse_questions, share

LENGTHS = (256, 512, 1024, 2048, 4096)
SEED = 31337


def help_scores(model: Llama, data: Data, limit: int | None) -> dict[str, float]:
    """Exact match, end of turn included; every fact (or a random `limit` of them) is asked once per row."""
    asked = {
        "help_seen": help_questions(data, phrasings.FORWARD_SEEN),
        "help_held_out": help_questions(data, phrasings.FORWARD_HELD_OUT),
        "reverse_seen": reverse_questions(data, phrasings.REVERSE_SEEN),
        "reverse_held_out": reverse_questions(data, phrasings.REVERSE_HELD_OUT),
    }
    shuffled = {name: random.Random(SEED).sample(questions, len(questions)) for name, questions in asked.items()}
    return {name: share(exact(model, data, questions[:limit])) for name, questions in shuffled.items()}


def recall_tasks(data: Data, tokens: int, count: int) -> list[recall.RecallTask]:
    words = data.words + data.held_out_words
    return recall.lookups(SEED, data.encode, tokens, count, words, data.held_out_words)


def recall_row(model: Llama, data: Data, tokens: int, count: int) -> dict[str, float]:
    """Accuracy under each damage, which falls on the cached context before the question is read."""
    tasks = list(enumerate(recall_tasks(data, tokens, count)))
    with workers() as pool:
        right = list(pool.map(lambda task: _recall_task(model, data, *task), tasks))
    prompts = [len(data.encode(chat.user(task.prompt))) for _, task in tasks]
    rates = {name: share([r[name] for r in right]) for name in DAMAGES}
    return {"prompt_tokens": round(sum(prompts) / count), **rates}


def _recall_task(model: Llama, data: Data, index: int, task: recall.RecallTask) -> dict[str, bool]:
    context, question = split(data, task)
    answer, cache = data.encode(chat.answer(task.answer)), read(model, torch.tensor([context]))
    right = {}
    for name, damage in DAMAGES.items():
        generator = torch.Generator().manual_seed(SEED + index)
        right[name] = answers(model, question, answer, damage(cache, generator))
    return right


def split(data: Data, task: recall.RecallTask) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tokens of the prompt up to the end of the context, and from the question on."""
    opening = chat.user(task.prompt).index(task.context) + len(task.context)
    text = chat.user(task.prompt)
    return data.encode(text[:opening]), data.encode(text[opening:])


def answers(
    model: Llama, question: tuple[int, ...], answer: tuple[int, ...], damaged: tuple[Cache, torch.Tensor]
) -> bool:
    """Whether greedy decoding writes the answer after the question over a damaged cache."""
    cache, kept = damaged
    logits = resume(model, torch.tensor([[*question, *answer[:-1]]]), cache, kept)
    return bool((logits[len(question) - 1 :].argmax(-1) == torch.tensor(answer)).all())


def copying(model: Llama, data: Data, counts: tuple[int, ...] = (16, 64, 256), tasks: int = 20) -> dict[str, float]:
    """Lists of words that were in no training list: exact match, and the share of tokens right given those before."""
    rng = random.Random(SEED)
    scores = {}
    for count in counts:
        made = [recall.copy(rng, data.held_out_words, count) for _ in range(tasks)]
        asked = [(data.encode(chat.user(t.prompt)), data.encode(chat.answer(t.answer))) for t in made]
        right = [_tokens_right(model, question, answer) for question, answer in asked]
        scores[f"copy_{count}_words"] = share([all(r) for r in right])
        scores[f"copy_{count}_words_tokens"] = share([x for r in right for x in r])
    return scores


@torch.no_grad()
def _tokens_right(model: Llama, question: Sequence[int], answer: Sequence[int]) -> list[bool]:
    hidden = model(torch.tensor([[*question, *answer]]))[0, len(question) - 1 : -1]
    return (model.logits(hidden).argmax(-1) == torch.tensor(answer)).tolist()


def text_scores(model: Llama, data: Data) -> dict[str, Any]:
    """Perplexity per token of each held-out module and of all, in windows of 512 tokens; bits per byte of all."""
    encoded = {m: data.encode(t) for m, t in data.held_out_texts.items()}
    everything = [t for ids in encoded.values() for t in ids]
    total = perplexity(model, everything)
    size = sum(len(t.encode()) for t in data.held_out_texts.values())
    bits = float(torch.log2(torch.tensor(total))) * len(everything) / size
    modules = {m: round(perplexity(model, ids), 2) for m, ids in encoded.items()}
    return {
        "perplexity": round(total, 3),
        "bits_per_byte": round(bits, 3),
        "tokens": len(everything),
        "modules": modules,
    }


def evaluate(name: str, tasks: int, questions: int | None) -> dict[str, Any]:
    torch.set_num_threads(1)
    model, data = load.from_folder(paths.export(name)), Data()
    scores: dict[str, Any] = {
        "model": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "facts": len(data.facts),
        "questions_per_row": questions or len(data.facts),
        **help_scores(model, data, questions),
    }
    print(json.dumps(scores), flush=True)
    scores |= {"chance": round(recall.CHANCE, 4), "recall": {}, "tasks_per_length": tasks}
    for length in LENGTHS:
        scores["recall"][length] = recall_row(model, data, length, tasks)
        print(length, json.dumps(scores["recall"][length]), flush=True)
    scores |= copying(model, data) | text_scores(model, data)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--tasks", type=int, default=100, help="recall tasks per length")
    parser.add_argument("--questions", type=int, help="help questions per row; all if not given")
    args = parser.parse_args()
    scores = evaluate(args.model, args.tasks, args.questions)
    text = json.dumps(scores, indent=1)
    (paths.OUT / f"scores-{args.model}.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
