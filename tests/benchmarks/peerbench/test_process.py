"""Programs of others: their output, their failures, their memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.peerbench.process import Launch, PeerFailed, last_lines, run


def _python(code: str, **environment: str) -> Launch:
    return Launch((sys.executable, "-c", code), environment)


def test_a_program_gets_its_input_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read() + os.environ['GREETING'])"
    out, _ = run(_python(code, GREETING=" there"), tmp_path / "log", given="hello")
    assert out == "hello there\n"


def test_the_peak_counts_what_a_child_held(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(b'1' * 64_000_000); time.sleep(0.4)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    assert run(_python(parent), tmp_path / "log")[1] > 64_000_000


def test_a_failure_tells_the_error(tmp_path: Path) -> None:
    with pytest.raises(PeerFailed, match="ValueError: too big"):
        run(_python("raise ValueError('too big')"), tmp_path / "log")


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(PeerFailed, match=r"not done after 0\.2 s"):
        run(_python("import time; time.sleep(60)"), tmp_path / "log", limit_s=0.2)


def test_a_log_without_an_error_gives_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\n\nthree\nfour\n")
    assert last_lines(log) == "two | three | four"
    log.write_text("")
    assert last_lines(log) == "it said nothing"
