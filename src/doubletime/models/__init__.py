"""Model families as plain torch over slabs: a model is an embedding, a list of operators, and a head."""

from __future__ import annotations

from doubletime.models.archive import BadCheckpoint
from doubletime.models.load import load_checkpoint, load_model
from doubletime.models.model import Model
from doubletime.models.native import NativeModel
from doubletime.models.random_weights import random_model
from doubletime.models.state import Context, Operator, State, join

AnyModel = Model | NativeModel

__all__ = [
    "AnyModel",
    "BadCheckpoint",
    "Context",
    "Model",
    "NativeModel",
    "Operator",
    "State",
    "join",
    "load_checkpoint",
    "load_model",
    "random_model",
]
