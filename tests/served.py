"""A tiny checkpoint with weights, tokenizer and chat template, as a user would have one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import cache
from pathlib import Path

from tests.checkpoints import make_checkpoint, session_folder
from tests.decoding.conftest import byte_level
from tests.server.conftest import TEMPLATE

EOS = 1
VOCAB = 401
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
COMMAND = [sys.executable, "-m", "doubletime"]


@cache
def checkpoint() -> Path:
    """The folder."""
    folder = make_checkpoint(session_folder() / "tiny-served", "llama", vocab_size=VOCAB, eos_token_id=EOS, seed=3)
    byte_level().save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<bos>", "eos_token": "<eos>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def with_eos(folder: Path, token: int) -> Path:
    """A copy in `folder` whose outputs end with `token`."""
    copy = Path(shutil.copytree(checkpoint(), folder / "ends"))
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": [token]}))
    return copy
