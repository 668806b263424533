"""A checkpoint's tokenizer: text to ids as Hugging Face's fast tokenizers do it, and its special tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doubletime.decoding.detokenizer import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


class Tokenizer:
    """Reads `folder`/tokenizer.json when it is first used. Safe to use from several threads."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "tokenizer.json").is_file():
            raise FileNotFoundError(f"{self.folder} has no tokenizer.json")

    @cached_property
    def backend(self) -> Backend:
        """The `tokenizers.Tokenizer`, without truncation or padding."""
        from tokenizers import Tokenizer as Backend

        backend = Backend.from_file(str(self.folder / "tokenizer.json"))
        backend.no_truncation()
        backend.no_padding()
        return backend

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Makes the detokenizers of outputs."""
        return Vocabulary(self.backend)

    @cached_property
    def config(self) -> dict[str, Any]:
        """tokenizer_config.json, with special_tokens_map.json behind it; empty if there is neither."""
        return read_json(self.folder / "special_tokens_map.json") | read_json(self.folder / "tokenizer_config.json")

    @cached_property
    def special_tokens(self) -> dict[str, str]:
        """The text of the special tokens that the checkpoint names: bos_token, eos_token, …"""
        named = {name: self.config.get(name) for name in SPECIAL_NAMES}
        texts = {name: token.get("content") if isinstance(token, dict) else token for name, token in named.items()}
        return {name: text for name, text in texts.items() if isinstance(text, str)}

    @cached_property
    def eos_ids(self) -> frozenset[int]:
        """The ids that end an output: generation_config.json's, else config.json's, else the tokenizer's own."""
        declared = declared_eos_ids(self.folder)
        token = self.backend.token_to_id(self.special_tokens.get("eos_token", ""))
        return declared or (frozenset() if token is None else frozenset({token}))

    @cached_property
    def chat_templates(self) -> dict[str, str]:
        """The sources of the templates by name: "default", and what else there is, such as "tool_use".

        They are in chat_template.jinja and additional_chat_templates/*.jinja, or in tokenizer_config.json.
        """
        files = {"default": self.folder / "chat_template.jinja"}
        files |= {file.stem: file for file in sorted(self.folder.glob("additional_chat_templates/*.jinja"))}
        found = {name: file.read_text(encoding="utf-8") for name, file in files.items() if file.is_file()}
        declared = read_json(self.folder / "tokenizer_config.json").get("chat_template")
        if isinstance(declared, list):
            return {item["name"]: item["template"] for item in declared} | found
        return ({"default": declared} if isinstance(declared, str) else {}) | found

    @property
    def chat_template(self) -> str | None:
        """The source of the default template; None if there is none."""
        return self.chat_templates.get("default")

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """Token ids, with the special tokens (bos) that tokenizer.json puts around a text unless told otherwise.

        As in transformers, add_bos_token and add_eos_token of tokenizer_config.json say nothing beside that file.
        """
        return self.backend.encode(text, add_special_tokens=add_special_tokens).ids

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        return self.backend.decode(list(ids), skip_special_tokens=skip_special_tokens)


def declared_eos_ids(folder: str | Path) -> frozenset[int]:
    """`eos_token_id` of generation_config.json, else of config.json (or its text_config); empty if none has it."""
    config = read_json(Path(folder) / "config.json")
    for source in (read_json(Path(folder) / "generation_config.json"), config, config.get("text_config", {})):
        ids = source.get("eos_token_id")
        if ids is not None:
            return frozenset(ids if isinstance(ids, list) else [ids])
    return frozenset()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty if there is no such file. Raises ValueError that names a broken one."""
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} must hold a JSON object")
    return data
