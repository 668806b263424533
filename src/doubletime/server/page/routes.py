"""Serves the live page from memory: `/` and `/page/NAME`. It has no build step and nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent
_INDEX = "index.html"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no text ever becomes HTML
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-cache",  # asks each time, and hears 304: a new version is seen at once
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str

    def reply(self, request: Request) -> Response:
        """The file, or 304 if the browser has this very one."""
        headers = _HEADERS | {"ETag": self.etag}
        if self.etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


def assets() -> dict[str, Asset]:
    """All files of the page, by name."""
    return {file.name: _asset(file) for file in sorted(_FOLDER.iterdir()) if file.suffix in _TYPES}


def _asset(file: Path) -> Asset:
    content = file.read_bytes()
    return Asset(content, _TYPES[file.suffix], f'"{sha256(content).hexdigest()[:32]}"')


def page_routes() -> list[Route]:
    """`/` and the files under `/page/`."""
    found = assets()

    async def index(request: Request) -> Response:
        return found[_INDEX].reply(request)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in found:
            raise HTTPException(404, f"the page has no file {name!r}")
        return found[name].reply(request)

    return [Route("/", index, include_in_schema=False), Route("/page/{name}", asset, include_in_schema=False)]
