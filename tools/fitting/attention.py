"""Fits attention: prefill, decode, both in one call, and latent attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.fitting import attention_alone, attention_latent, attention_mixed


def fit(data: Path, machine: str) -> dict[str, dict[str, Any]]:
    """By file stem. Mixed batches need the constants of prefill."""
    found = attention_alone.fit(data, machine)
    found |= attention_mixed.fit(data, machine, found)
    found |= attention_latent.fit(data, machine)
    return found
