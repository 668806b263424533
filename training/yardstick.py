"""Step 5: what a yardstick needs to ask the model again, as one small file. `python -m training.yardstick`"""

from __future__ import annotations

import gzip
import json

from doubletime.lab import recall
from training import paths, phrasings
from training.batches import Data
from training.evaluate import LENGTHS, SEED
from training.stdlib_docs import reversible

LICENCE = "Documentation sentences and source excerpts: Python standard library, PSF License Agreement 2.0."


def contents(data: Data) -> dict[str, object]:
    unique = {name for name, _ in reversible(data.facts)}
    return {
        "licence": LICENCE,
        "help": {
            "facts": [[n, s, n in unique] for n, s in data.facts],  # name, answer, whether it can be asked backwards
            "forward_seen": phrasings.FORWARD_SEEN,
            "forward_held_out": phrasings.FORWARD_HELD_OUT,
            "reverse_seen": phrasings.REVERSE_SEEN,
            "reverse_held_out": phrasings.REVERSE_HELD_OUT,
            "reverse_answer": "`{n}`",
        },
        "recall": {
            "seed": SEED,
            "lengths": LENGTHS,
            "chance": recall.CHANCE,
            "values": [recall.VALUES[0], recall.VALUES[-1]],
            "words": data.words,
            "held_out_words": data.held_out_words,
        },
        "held_out_texts": data.held_out_texts,
    }


def main() -> None:
    text = json.dumps(contents(Data()), separators=(",", ":"))
    with paths.YARDSTICK.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as file:
        file.write(text.encode())
    print(f"{len(text) / 1e3:.0f} kB, {paths.YARDSTICK.stat().st_size / 1e3:.0f} kB compressed")


if __name__ == "__main__":
    main()
