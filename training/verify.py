"""Checks an exported folder against transformers: same logits, same tokens. `python -m training.verify small`"""

from __future__ import annotations

import argparse

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from training import chat, load, paths

QUESTION = "What does `itertools.accumulate` do?"


@torch.no_grad()
def verify(name: str) -> float:
    """Largest difference of the logits over a chat prompt; asserts that the chat templates agree."""
    folder = paths.export(name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ours = load.from_folder(folder)
    messages = [{"role": "user", "content": QUESTION}]
    assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == chat.user(QUESTION)
    ids = tokenizer(chat.user(QUESTION), return_tensors="pt").input_ids
    written = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64)
    print(tokenizer.decode(written[0]))
    long = written.repeat(1, 20)
    return float((ours.logits(ours(long)) - theirs(long).logits).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    difference = verify(parser.parse_args().model)
    print(f"largest difference of the logits: {difference:.2e}")
    assert difference < 1e-3


if __name__ == "__main__":
    main()
