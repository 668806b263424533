"""Whether there is a device left after an error."""

from __future__ import annotations

import torch


class ExecutorLost(OSError):
    """The executor can run nothing any more: its process has to be started again."""


def is_lost(device: torch.device) -> bool:
    """Asked after an error: CUDA repeats some (an illegal access, a failed assertion) as long as the process lives."""
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False
