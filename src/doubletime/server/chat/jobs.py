"""The work that a chat request asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from doubletime.decoding.chat import ChatTemplate, ChatTemplateError
from doubletime.server.chat.fields import ChatRequest
from doubletime.server.chat.messages import for_template
from doubletime.server.chat.reading import Reading, reading_of
from doubletime.server.errors import UNSUPPORTED, bad
from doubletime.server.prompts import Job, ServedModel, check, job


@dataclass(frozen=True, slots=True)
class ChatWork:
    """A job, and how its answers are read."""

    job: Job
    reading: Reading


async def chat_work(model: ServedModel, request: ChatRequest) -> ChatWork:
    """Raises ApiError."""
    await check(model, request)
    prompt = render(model, request)
    reading = reading_of(request, model.dialect, prompt)
    if model.dialect.special and request.choice.mode != "none":
        request = replace(request, skip_special_tokens=False)  # the parser needs to see them
    return ChatWork(job(model, request, "messages", await model.encode(prompt, add_special_tokens=False)), reading)


def render(model: ServedModel, request: ChatRequest) -> str:
    """The prompt, by the checkpoint's template. Raises ApiError with what the template says."""
    shows_tools = request.choice.mode != "none"
    try:
        template = model.tool_template if shows_tools else model.template
        _check(model, request, template)
        variables = request.variables
        if shows_tools:
            variables["tools"] = [tool.to_json() for tool in request.tools]
        messages = for_template(request.messages)
        if request.continue_final_message:
            return template.render_open(messages, **variables)
        return template.render(messages, request.add_generation_prompt is not False, **variables)
    except ChatTemplateError as error:
        raise bad("messages", str(error)) from error


def _check(model: ServedModel, request: ChatRequest, template: ChatTemplate) -> None:
    """Nothing is given to a template that does not look at it; tools of forced calls need not be seen."""
    for name in request.variables:
        if name not in template.reads:
            field = name if name == "reasoning_effort" else f"chat_template_kwargs.{name}"
            raise bad(field, f"{field}: the model's chat template reads no {name}", UNSUPPORTED)
    if request.choice.mode == "auto" and "tools" not in template.reads:
        raise bad(
            "tools", "tools: the model's chat template does not show them; tool_choice required works", UNSUPPORTED
        )
    if request.choice.mode == "auto" and model.dialect.calls == "none":
        raise bad(
            "tools",
            "tools: how this model writes calls is not known; start the server with --tool-parser, "
            "or send tool_choice required",
            UNSUPPORTED,
        )
