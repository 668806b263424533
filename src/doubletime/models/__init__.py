"""Model families as plain torch over slabs: a model is an embedding, a list of operators, and a head."""

from __future__ import annotations

from doubletime.models.checkpoint import BadCheckpoint, load_checkpoint
from doubletime.models.load import load_model
from doubletime.models.model import Model
from doubletime.models.random_weights import random_model
from doubletime.models.state import Context, Operator, State, join

__all__ = [
    "BadCheckpoint",
    "Context",
    "Model",
    "Operator",
    "State",
    "join",
    "load_checkpoint",
    "load_model",
    "random_model",
]
