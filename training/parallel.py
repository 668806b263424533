"""Threads with one core each; see `train.Run` for why this beats a parallel loop inside every operation here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch


def workers(threads: int = 2) -> ThreadPoolExecutor:
    torch.set_num_threads(1)
    return ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
