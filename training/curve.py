"""The loss curve of a run as a table in Markdown. `python -m training.curve small`"""

from __future__ import annotations

import argparse
import json

from training import paths

COLUMNS = ("step", "minutes", "tokens", "code", "help", "recall")


def table(name: str, rows: int = 14) -> str:
    """Evenly spaced points of the curve, the last one included."""
    lines = [json.loads(line) for line in paths.curve(name).read_text().splitlines()]
    points = [line for line in lines if "code" in line]
    chosen = sorted({round(i * (len(points) - 1) / (rows - 1)) for i in range(rows)})
    cells = [[f"{points[i].get(c, ''):,}" for c in COLUMNS] for i in chosen]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(COLUMNS), ["---:"] * len(COLUMNS), *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    print(table(parser.parse_args().name))


if __name__ == "__main__":
    main()
