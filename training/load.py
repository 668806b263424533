"""Reading a model: the last checkpoint of a run, or an exported folder with its stored weights as float32."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from training import paths
from training.config import ModelConfig
from training.model import Llama


def from_checkpoint(name: str) -> Llama:
    state = torch.load(paths.checkpoint(name))
    model = Llama(ModelConfig(**state["config"]))
    model.load_state_dict(state["model"])
    return model.eval()


def from_folder(folder: Path) -> Llama:
    stored = json.loads((folder / "config.json").read_text())
    model = Llama(
        ModelConfig(
            vocab=stored["vocab_size"],
            hidden=stored["hidden_size"],
            layers=stored["num_hidden_layers"],
            heads=stored["num_attention_heads"],
            kv_heads=stored["num_key_value_heads"],
            head_dim=stored["head_dim"],
            ff=stored["intermediate_size"],
            max_positions=stored["max_position_embeddings"],
            rope_theta=stored["rope_theta"],
            norm_eps=stored["rms_norm_eps"],
        )
    )
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({k.removeprefix("model."): v.float() for k, v in weights.items()})
    return model.eval()
