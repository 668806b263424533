"""The work that a request for embeddings asks for."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.server.completions.fields import Prompt
from doubletime.server.embeddings.fields import EmbeddingRequest
from doubletime.server.errors import bad
from doubletime.server.prompts import Job, ServedModel


async def embedding_jobs(model: ServedModel, request: EmbeddingRequest) -> list[Job]:
    """One job an input, in order. Raises ApiError that names the input."""
    model.check_name(request.model)
    jobs = []
    for at, prompt in enumerate(request.input):
        name = "input" if len(request.input) == 1 else f"input[{at}]"
        jobs.append(Job(await _ids(model, name, prompt), request.params))
    return jobs


async def _ids(model: ServedModel, name: str, prompt: Prompt) -> Sequence[int]:
    if isinstance(prompt, str):
        ids: Sequence[int] = await model.encode(prompt, add_special_tokens=True)
    else:
        model.check_ids(name, prompt)
        ids = prompt
    if not ids:
        raise bad(name, f"{name} is empty")
    if len(ids) > model.max_model_len:
        told = f"this model holds {model.max_model_len} tokens; {name} has {len(ids)}"
        raise bad(name, told, "context_length_exceeded")
    return ids
