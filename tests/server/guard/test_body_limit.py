from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from doubletime.server.errors import HANDLERS
from doubletime.server.guard.body_limit import BodyLimit
from tests.server.guard.ask import ask, told


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


GUARDED = BodyLimit(Starlette(routes=[Route("/", length, methods=["POST"])], exception_handlers=HANDLERS), 100)


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 10


def test_a_body_of_the_limit_passes() -> None:
    assert ask(GUARDED, "POST", "/", content=b"x" * 100).text == "100"
    assert ask(GUARDED, "POST", "/", content=pieces(10)).text == "100"
    assert ask(GUARDED, "POST", "/").text == "0"


def test_a_longer_one_does_not_whether_it_says_its_length_or_not() -> None:
    assert told(ask(GUARDED, "POST", "/", content=b"x" * 101), 413) == "body_too_long"
    assert told(ask(GUARDED, "POST", "/", content=pieces(11)), 413) == "body_too_long"


def test_a_body_that_says_its_length_is_refused_unread() -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    assert told(ask(GUARDED, "POST", "/", content=unread(), headers={"Content-Length": "101"}), 413) == "body_too_long"
