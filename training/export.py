"""Step 3: a Hugging Face folder from the last checkpoint. `python -m training.export small`"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from training import chat, load, paths
from training.config import MODELS, ModelConfig, Special

Json = dict[str, Any]


def model_config(config: ModelConfig) -> Json:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab,
        "hidden_size": config.hidden,
        "intermediate_size": config.ff,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_positions,
        "rope_theta": config.rope_theta,
        "rope_scaling": None,
        "rms_norm_eps": config.norm_eps,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_cache": True,
        "initializer_range": 0.02,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 3,
        "torch_dtype": "bfloat16",
    }


def tokenizer_config() -> Json:
    added = {
        str(i): {
            "content": t,
            "special": True,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "single_word": False,
        }
        for i, t in enumerate(Special.ORDER)
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": added,
        "bos_token": None,
        "eos_token": Special.END,
        "pad_token": Special.PAD,
        "unk_token": None,
        "model_max_length": 4096,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "chat_template": chat.TEMPLATE,
    }


def generation_config() -> Json:
    return {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 3, "do_sample": False}


def _write(path: Path, value: Json) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def export(name: str) -> Path:
    """bfloat16 weights: half the size, and the format that engines compute with unchanged."""
    model, folder = load.from_checkpoint(name), paths.export(name)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{k}": v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(paths.TOKENIZER, folder / "tokenizer.json")
    (folder / "chat_template.jinja").write_text(chat.TEMPLATE)
    _write(folder / "config.json", model_config(model.config))
    _write(folder / "tokenizer_config.json", tokenizer_config())
    _write(folder / "generation_config.json", generation_config())
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    folder = export(parser.parse_args().model)
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{folder.name}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
