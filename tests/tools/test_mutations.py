from __future__ import annotations

from pathlib import Path

from tools.mutants.mutations import mutants_of

SOURCE = '''"""A file with é before the code."""
from __future__ import annotations

def f(x: int = 1, y: "a < b" = None) -> bool:
    """A docstring: 1 < 2."""
    if x < 2 and not y:
        raise ValueError(f"{x + 1}")
    g(x)
    return x + 1
'''


def test_every_kind_of_place_is_found_and_annotations_and_errors_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "é.py").write_text(SOURCE)
    assert [(mutant.line, mutant.old, mutant.new) for mutant in mutants_of(tmp_path, tmp_path / "é.py")] == [
        (4, "1", "2"),
        (6, "x < 2 and not y", "not (x < 2 and not y)"),
        (6, "<", "<="),
        (6, "2", "3"),
        (6, "and", "or"),
        (6, "not y", "(y)"),
        (8, "g(x)", "pass"),
        (9, "x + 1", "None"),
        (9, "+", "-"),
        (9, "1", "2"),
    ]


def test_a_mutant_changes_its_place_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(SOURCE)
    mutant = next(mutant for mutant in mutants_of(tmp_path, path) if mutant.new == "<=")
    assert mutant.apply(path.read_bytes()).decode() == SOURCE.replace("if x < 2", "if x <= 2")
