"""A GGUF file's tokenizer, built from its metadata."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doubletime.decoding.gguf.vocabulary import PREFIX, GGUFVocabulary, TokenKind, read_vocabulary
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.shapes.gguf import GGUF, BadGGUF, read_gguf

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

# Files name one id that ends a text; chat models also end their turns with one of these.
_ENDS = frozenset(
    "<|endoftext|> <|end_of_text|> <|eot_id|> <|eom_id|> <|im_end|> <|end|> <end_of_turn> </s> <eos>".split()
)
_MODELS = ("gpt2", "llama")


def gguf_tokenizer(path: str | Path) -> GGUFTokenizer | None:
    """The tokenizer of a file, None where it has none. Raises BadGGUF, or ValueError for one that is not supported."""
    file = read_gguf(path)
    model = file.metadata.get(f"{PREFIX}model", "none")
    if model == "none":
        return None
    if model not in _MODELS:
        raise ValueError(f"{path}: tokenizer {model!r} is not supported (supported: {', '.join(_MODELS)})")
    return GGUFTokenizer(file)


class GGUFTokenizer(Tokenizer):
    """What Tokenizer takes from the JSON files of a folder comes from the metadata of `file`."""

    def __init__(self, file: GGUF) -> None:
        self.folder = file.path
        self._metadata = file.metadata
        self._pre = str(file.metadata.get(f"{PREFIX}pre", "default"))
        try:
            self._vocabulary = read_vocabulary(file.metadata)
            self._byte_level = file.metadata[f"{PREFIX}model"] == "gpt2"
            self._adds_bos = self._vocabulary.flags.get("add_bos_token", self._bos_by_default())
        except ValueError as error:
            raise BadGGUF(f"{file.path}: {error}") from None

    @cached_property
    def backend(self) -> Backend:
        """The `tokenizers.Tokenizer` that does what the file describes."""
        from tokenizers import AddedToken

        try:
            made = self._model()
        except Exception as error:  # the library has no class of its own for a broken vocabulary
            raise BadGGUF(f"{self.folder}: the tokenizer is damaged: {error}") from None
        added = self._vocabulary.by_kind(TokenKind.CONTROL, TokenKind.USER_DEFINED)
        tokens = [(self._vocabulary.texts[token], self._vocabulary.kinds[token]) for token in added]
        made.add_tokens(
            [AddedToken(text, special=kind == TokenKind.CONTROL, normalized=False) for text, kind in tokens]
        )
        _surround(made, self._vocabulary, self._adds_bos)
        return made

    @cached_property
    def config(self) -> dict[str, Any]:
        """The special tokens by the names of tokenizer_config.json."""
        return {f"{name}_token": self._vocabulary.texts[token] for name, token in self._vocabulary.ids.items()}

    @cached_property
    def eos_ids(self) -> frozenset[int]:
        """The ids that end an output: those that the file names, and the special tokens that are known to end turns."""
        named = {token for name, token in self._vocabulary.ids.items() if name in ("eos", "eot", "eom")}
        special = self._vocabulary.by_kind(TokenKind.CONTROL, TokenKind.USER_DEFINED)
        return frozenset(named | {token for token in special if self._vocabulary.texts[token] in _ENDS})

    @cached_property
    def chat_templates(self) -> dict[str, str]:
        """The default one has the plain key, others a name behind it."""
        key = "tokenizer.chat_template"
        found = {
            name.removeprefix(key).lstrip("."): text for name, text in self._metadata.items() if name.startswith(key)
        }
        return {name or "default": text for name, text in found.items() if isinstance(text, str)}

    def _model(self) -> Backend:
        from doubletime.decoding.gguf.byte_bpe import byte_bpe
        from doubletime.decoding.gguf.pre_tokenizers import split
        from doubletime.decoding.gguf.sentencepiece import sentencepiece

        return byte_bpe(self._vocabulary, split(self._pre)) if self._byte_level else sentencepiece(self._vocabulary)

    def _bos_by_default(self) -> bool:
        from doubletime.decoding.gguf.pre_tokenizers import split

        return split(self._pre).bos if self._byte_level else True


def _surround(made: Backend, vocabulary: GGUFVocabulary, adds_bos: bool) -> None:
    """Texts begin with bos and end with eos where the file says so."""
    from tokenizers.processors import TemplateProcessing

    wanted = {"bos": adds_bos, "eos": vocabulary.flags.get("add_eos_token", False)}
    ids = {name: vocabulary.ids[name] for name, asked in wanted.items() if asked and name in vocabulary.ids}
    if ids:
        texts = {name: [vocabulary.texts[token]] for name, token in ids.items()}
        made.post_processor = TemplateProcessing(
            single=[*texts.get("bos", []), "$A", *texts.get("eos", [])],
            special_tokens=[(vocabulary.texts[token], token) for token in set(ids.values())],
        )
