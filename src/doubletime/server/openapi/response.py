"""The JSON Schema of a reply of /v1/responses."""

from __future__ import annotations

from doubletime.server.openapi.words import (
    ANYTHING,
    FLAG,
    NUMBER,
    TEXT,
    TOKENS,
    WHOLE,
    const,
    many,
    maybe,
    thing,
    words,
)

_STATUS = words("in_progress", "completed", "incomplete")
_BEST = thing(token=TEXT, logprob=NUMBER, bytes=maybe(TOKENS))
_LOGPROBS = many(thing(token=TEXT, logprob=NUMBER, bytes=maybe(TOKENS), top_logprobs=many(_BEST)))
_WORDS = thing(type=const("output_text"), text=TEXT, annotations=many(ANYTHING), logprobs=_LOGPROBS)
_THOUGHTS = thing(type=const("reasoning_text"), text=TEXT)
_MESSAGE = thing(id=TEXT, type=const("message"), status=_STATUS, role=const("assistant"), content=many(_WORDS))
_REASONING = thing(id=TEXT, type=const("reasoning"), status=_STATUS, summary=many(ANYTHING), content=many(_THOUGHTS))
_CALL = thing(id=TEXT, type=const("function_call"), status=_STATUS, call_id=TEXT, name=TEXT, arguments=TEXT)
_USAGE = thing(
    input_tokens=WHOLE,
    input_tokens_details=thing(cached_tokens=WHOLE, cache_write_tokens=WHOLE),
    output_tokens=WHOLE,
    output_tokens_details=thing(reasoning_tokens=WHOLE),
    total_tokens=WHOLE,
)

RESPONSE = thing(
    id=TEXT,
    object=const("response"),
    created_at=WHOLE,
    status=words("completed", "incomplete"),
    output=many({"anyOf": [_MESSAGE, _REASONING, _CALL]}),
    model=TEXT,
    error=maybe(ANYTHING),
    incomplete_details=maybe(thing(reason=const("max_output_tokens"))),
    instructions=maybe(TEXT),
    max_output_tokens=maybe(WHOLE),
    metadata=ANYTHING,
    parallel_tool_calls=FLAG,
    previous_response_id={"type": "null"},
    reasoning=thing(effort=maybe(TEXT), summary={"type": "null"}),
    service_tier=const("default"),
    store=FLAG,
    temperature=NUMBER,
    text=thing(format=ANYTHING),
    tool_choice={"anyOf": [words("auto", "none", "required"), thing(type=const("function"), name=TEXT)]},
    tools=many(ANYTHING),
    top_logprobs=WHOLE,
    top_p=NUMBER,
    truncation=const("disabled"),
    usage=maybe(_USAGE),
    background=FLAG,
    user=maybe(TEXT),
)
