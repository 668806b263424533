"""The work that a completion request asks for."""

from __future__ import annotations

from collections.abc import Sequence

from doubletime.server.completions.fields import CompletionRequest, Prompt
from doubletime.server.errors import bad
from doubletime.server.prompts import Job, ServedModel, check, job


async def completion_jobs(model: ServedModel, request: CompletionRequest) -> list[Job]:
    """One job a prompt, in order. Raises ApiError."""
    await check(model, request)
    if request.echo and model.tokenizer is None and request.logprobs is None:
        raise bad("echo", "echo needs a tokenizer, and this model has none: send return_token_ids")
    return [job(model, request, "prompt", await _ids(model, request, prompt)) for prompt in request.prompt]


async def _ids(model: ServedModel, request: CompletionRequest, prompt: Prompt) -> Sequence[int]:
    if isinstance(prompt, str):
        return await model.encode(prompt, request.add_special_tokens)
    model.check_ids("prompt", prompt)
    return prompt
