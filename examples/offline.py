"""Offline generation with the model that ships: `python examples/offline.py`."""

from __future__ import annotations

from doubletime import LLM, SamplingParams

QUESTIONS = ("What does `itertools.accumulate` do?", "Explain `os.path.join`.", "What is `len` for?")


def main() -> None:
    with LLM(kv_memory="64MB") as llm:
        prompts = [llm.chat_prompt([{"role": "user", "content": question}]) for question in QUESTIONS]
        outputs = llm.generate(prompts, SamplingParams(temperature=0, max_tokens=40))
    for question, output in zip(QUESTIONS, outputs, strict=True):
        print(f"{question}\n  {output.outputs[0].text}")


if __name__ == "__main__":
    main()
