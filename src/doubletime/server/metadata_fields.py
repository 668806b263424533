"""The request fields that OpenAI documents as having no effect on the answer. They are read strictly all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from doubletime.server import fields as f
from doubletime.server.declare import Declared, optional
from doubletime.server.errors import UNSUPPORTED, bad

MAX_ENTRIES = 16
MAX_KEY = 64  # characters
MAX_VALUE = 512


def _metadata(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise bad(name, f"{name} must be a JSON object")
    if len(value) > MAX_ENTRIES:
        raise bad(name, f"{name} must hold at most {MAX_ENTRIES} entries, not {len(value)}")
    for key, item in value.items():
        if len(key) > MAX_KEY or len(f.text(f"{name}.{key}", item)) > MAX_VALUE:
            raise bad(name, f"{name}: keys have at most {MAX_KEY} characters, values at most {MAX_VALUE}")
    return value


def _not_stored(name: str, value: Any) -> bool:
    if f.flag(name, value):
        raise bad(name, f"{name} must be false: this server stores no answers", UNSUPPORTED)
    return False


METADATA = f.Kind(
    _metadata,
    {
        "type": "object",
        "maxProperties": MAX_ENTRIES,
        "propertyNames": {"maxLength": MAX_KEY},
        "additionalProperties": {"type": "string", "maxLength": MAX_VALUE},
    },
)
STORE = f.Kind(_not_stored, {"type": "boolean", "const": False})


@dataclass(frozen=True, kw_only=True)
class MetadataFields(Declared):
    user: str = optional(f.text, "", "who asks; no effect")
    safety_identifier: str = optional(f.text, "", "who asks; no effect")
    prompt_cache_key: str = optional(f.text, "", "a hint for finding cached prompts: all are found here; no effect")
    metadata: dict[str, str] | None = optional(METADATA, None, "the client's own notes; no effect")  # noqa: RUF009
    store: bool = optional(STORE, False, "false: this server stores no answers")
    service_tier: str = optional(f.one_of("auto", "default"), "auto", "there is one tier")
