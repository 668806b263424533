"""What a server serves and takes, found out before anything is measured."""

from __future__ import annotations

from dataclasses import replace

from doubletime.lab.bench.dialect import Dialect, Endpoint, dialects
from doubletime.lab.bench.http import HttpError, Server, get
from doubletime.lab.bench.stream import stream
from doubletime.lab.workload.feed import Ticket
from doubletime.lab.workload.job import Job, Session
from doubletime.lab.workload.prompts import Prompts

_WANTS_KEY = (401, 403)
_OTHER_DIALECT = (400, 415, 422)  # it may take another request


async def find_model(server: Server, name: str | None) -> str:
    """The name, None: the server's first. Raises ValueError or OSError."""
    try:
        listed = await get(server, "/models")
        models = [str(model["id"]) for model in listed["data"]]
    except HttpError as error:
        if error.status in _WANTS_KEY:
            raise _key(server, error) from error
        models = []
    except (ValueError, KeyError, TypeError):
        models = []
    if name is None and not models:
        raise ValueError(f"{_where(server)} does not list its models: name one with --served-model-name")
    return name or models[0]


async def find_dialect(server: Server, model: str, endpoint: Endpoint, prompts: Prompts) -> Dialect:
    """The best dialect that the server takes; its first request is also what warms it up."""
    job = Job(8, 2)
    ticket = Ticket(-1, 0, job, Session(0, (job, job)), 0, 1)  # as if a turn followed
    said = ""
    for dialect in dialects(endpoint):
        body = dialect.body(model, ticket, dialect.wording(prompts).prompt(ticket))
        try:
            answer = await stream(server, endpoint.path, body, lambda when, tokens: None)
        except HttpError as error:
            if error.status in _WANTS_KEY:
                raise _key(server, error) from error
            if error.status not in _OTHER_DIALECT:
                raise ValueError(f"{_where(server)} answered {server.path}{endpoint.path} with {error}") from error
            said = said or str(error)
            continue
        usage, returned = dialect.usage and answer.usage is not None, dialect.returned and bool(answer.tokens)
        return replace(dialect, usage=usage, returned=returned)  # what it takes and ignores is not asked for again
    raise ValueError(f"{_where(server)} takes no streamed request at {server.path}{endpoint.path}: {said}")


def _key(server: Server, error: HttpError) -> ValueError:
    how = "does not take this API key" if server.key else "wants an API key: --api-key KEY or OPENAI_API_KEY"
    return ValueError(f"{_where(server)} {how} ({error})")


def _where(server: Server) -> str:
    return f"{server.host}:{server.port}"
