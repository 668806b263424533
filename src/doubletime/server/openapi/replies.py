"""The JSON Schemas of the replies of OpenAI's older routes and of the server's own."""

from __future__ import annotations

from doubletime.engine.monitor.reasons import REASONS
from doubletime.server.openapi.words import (
    NUMBER,
    TEXT,
    TOKENS,
    WHOLE,
    Json,
    const,
    many,
    mapping,
    maybe,
    ref,
    thing,
    words,
)

_FINISH = maybe(words("stop", "length", "tool_calls"))
_STOP_REASON = {"anyOf": [TEXT, WHOLE, {"type": "null"}]}
_BEST = thing(token=TEXT, logprob=NUMBER, bytes=maybe(TOKENS))
_PROMPT_LOGPROBS = many(maybe(mapping(thing(logprob=NUMBER, rank=maybe(WHOLE), decoded_token=TEXT))))
_CALL = thing(id=TEXT, type=const("function"), function=thing(name=TEXT, arguments=TEXT))
_MODEL = thing(id=TEXT, object=const("model"), created=WHOLE, owned_by=TEXT, max_model_len=WHOLE)
_TIMINGS = mapping(maybe(NUMBER))

USAGE = thing(
    prompt_tokens=WHOLE,
    completion_tokens=WHOLE,
    total_tokens=WHOLE,
    prompt_tokens_details=thing(cached_tokens=WHOLE),
)


def _reply(kind: str, choice: Json, **optional: Json) -> Json:
    about = {"id": TEXT, "object": const(kind), "created": WHOLE, "model": TEXT}
    return thing(optional | {"timings": _TIMINGS}, **about, choices=many(choice), usage=ref("Usage"))


def _choice(optional: Json, **content: Json) -> Json:
    return thing(
        optional | {"token_ids": TOKENS}, index=WHOLE, **content, finish_reason=_FINISH, stop_reason=_STOP_REASON
    )


COMPLETION_LOGPROBS = thing(
    tokens=many(TEXT),
    token_logprobs=many(maybe(NUMBER)),
    top_logprobs=many(maybe(mapping(NUMBER))),
    text_offset=many(WHOLE),
)
CHAT_LOGPROBS = thing(
    content=many(thing(token=TEXT, logprob=NUMBER, bytes=maybe(TOKENS), top_logprobs=many(_BEST))),
    refusal={"type": "null"},
)
MESSAGE = thing({"reasoning_content": TEXT, "tool_calls": many(_CALL)}, role=const("assistant"), content=maybe(TEXT))

_WAITED = thing(total=NUMBER, by_reason=thing(**dict.fromkeys(REASONS, NUMBER)))
_REQUEST = thing(
    id=TEXT,
    state=words("waiting", "running", "held", "forking", "finished"),
    finish_reason=maybe(TEXT),
    arrived_s=NUMBER,
    age_s=NUMBER,
    prompt_tokens=WHOLE,
    prefilled_tokens=WHOLE,
    output_tokens=WHOLE,
    max_tokens=WHOLE,
    choices=WHOLE,
    cached_tokens=WHOLE,
    blocks=many(WHOLE),
    preemptions=WHOLE,
    waited_s=_WAITED,
    waits_for=maybe(thing(reason=words(*REASONS), note=maybe(TEXT))),
    ttft_s=maybe(NUMBER),
    tpot_s=maybe(NUMBER),
    priority=WHOLE,
    tenant=TEXT,
)
_SLAB = thing(request=TEXT, choice=WHOLE, start=WHOLE, tokens=WHOLE, top=WHOLE, bottom=WHOLE)
_STEP = thing(step=WHOLE, start_s=NUMBER, duration_s=NUMBER, decodes=WHOLE, prefill_tokens=WHOLE, slabs=many(_SLAB))
_LIVE = thing(
    time_s=NUMBER,
    engine={"type": "object", "description": "model, policy, device, data type, kernels and sizes"},
    throughput=mapping(NUMBER),
    totals=mapping(WHOLE),
    queue=thing(running=WHOLE, waiting=WHOLE, waiting_by_reason=mapping(WHOLE)),
    kv=many(mapping(WHOLE)),
    prefix_hit_rate=maybe(NUMBER),
    depth=WHOLE,
    steps=many(_STEP),
    requests=many(ref("LiveRequest")),
)

REPLIES: dict[str, Json] = {
    "Error": thing(error=thing(message=TEXT, type=TEXT, param=maybe(TEXT), code=maybe(TEXT))),
    "Usage": USAGE,
    "Completion": _reply(
        "text_completion",
        _choice(
            {"prompt_token_ids": TOKENS, "prompt_logprobs": _PROMPT_LOGPROBS},
            text=TEXT,
            logprobs=maybe(COMPLETION_LOGPROBS),
        ),
    ),
    "ChatCompletion": _reply(
        "chat.completion",
        _choice({}, message=MESSAGE, logprobs=maybe(CHAT_LOGPROBS)),
        prompt_token_ids=TOKENS,
        prompt_logprobs=_PROMPT_LOGPROBS,
    ),
    "EmbeddingList": thing(
        object=const("list"),
        data=many(thing(object=const("embedding"), index=WHOLE, embedding={"anyOf": [many(NUMBER), TEXT]})),
        model=TEXT,
        usage=thing(prompt_tokens=WHOLE, total_tokens=WHOLE),
    ),
    "Model": _MODEL,
    "ModelList": thing(object=const("list"), data=many(ref("Model"))),
    "Tokens": thing({"token_strs": many(TEXT)}, count=WHOLE, max_model_len=WHOLE, tokens=TOKENS),
    "Text": thing(prompt=TEXT),
    "Health": thing(status=TEXT),
    "Version": thing(version=TEXT),
    "LiveRequest": _REQUEST,
    "LiveRequests": many(ref("LiveRequest")),
    "Live": _LIVE,
    "Document": {"type": "object", "description": "this document"},
}
