"""Reads a config.json strictly: a field that nobody has read and that could change the computation is refused."""

from __future__ import annotations

from typing import Any

from doubletime.shapes.model_shape import UnsupportedModel

INERT = frozenset(
    """
    architectures model_type torch_dtype dtype transformers_version name_or_path use_cache bos_token_id pad_token_id
    eos_token_id decoder_start_token_id sep_token_id unk_token_id tokenizer_class initializer_range attention_dropout
    hidden_dropout resid_pdrop embd_pdrop attn_pdrop output_attentions output_hidden_states return_dict
    output_router_logits router_aux_loss_coef chunk_size_feed_forward is_decoder is_encoder_decoder
    add_cross_attention id2label label2id num_labels problem_type task_specific_params finetuning_task
    max_new_tokens min_length max_length do_sample temperature top_k top_p repetition_penalty num_beams
    auto_map license unsloth_version unsloth_fixed cache_implementation keys_to_ignore_at_inference
    """.split()
)
MISSING = object()


class Fields:
    """The fields of one config. `done` raises for what was never asked for; None counts as absent everywhere."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.read: set[str] = set()

    def get(self, name: str, default: Any = MISSING) -> Any:
        """The value of `name`; raises UnsupportedModel if it is absent and there is no default."""
        self.read.add(name)
        value = self.config.get(name)
        if value is not None:
            return value
        if default is MISSING:
            raise UnsupportedModel(f"config.json lacks {name!r}")
        return default

    def integer(self, name: str, default: Any = MISSING) -> int:
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise unsupported(name, value, "a positive integer is needed")
        return value

    def count(self, name: str) -> int:
        """An integer that may be absent or 0."""
        return self.integer(name) if self.get(name, 0) != 0 else 0

    def number(self, name: str, default: Any = MISSING) -> float:
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise unsupported(name, value, "a number is needed")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise unsupported(name, value, "true or false is needed")
        return value

    def only(self, name: str, *allowed: Any) -> None:
        """Refuses `name` unless it is absent or one of the values that doubletime computes."""
        value = self.get(name, None)
        if value is not None and value not in allowed:
            raise unsupported(name, value, f"supported: {', '.join(map(repr, allowed)) or 'absent'}")

    def ignore(self, *names: str) -> None:
        self.read.update(names)

    def done(self) -> None:
        """Refuses the first field that has a value and that no one has read."""
        for name, value in self.config.items():
            harmless = name in INERT or name.startswith("_") or value is None or value is False
            if name not in self.read and not harmless:
                raise unsupported(name, value, "doubletime does not know this field")


def unsupported(name: str, value: Any, why: str) -> UnsupportedModel:
    return UnsupportedModel(f"unsupported config field {name!r} = {value!r}: {why}")


def eos_ids(value: Any) -> tuple[int, ...]:
    """`eos_token_id` of a config: absent, one id, or a list of them."""
    if value is None:
        return ()
    return (value,) if isinstance(value, int) else tuple(value)
