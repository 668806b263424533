from __future__ import annotations

import pytest

from doubletime.units import parse_bytes


@pytest.mark.parametrize(
    ("size", "count"),
    [("64MB", 64_000_000), ("2GiB", 1 << 31), ("1.5 kb", 1500), ("100", 100), (7, 7), (" 1 TiB ", 1 << 40), ("3B", 3)],
)
def test_sizes_as_people_write_them(size: str | int, count: int) -> None:
    assert parse_bytes(size) == count


@pytest.mark.parametrize("size", ["", "MB", "-1", "1 XB", "1e3", "0", "nan", -5])
def test_what_is_not_a_size_is_refused(size: str | int) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_bytes(size)
