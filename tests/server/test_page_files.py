"""The live page as files: what is served, and that it needs nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from doubletime.server.page import routes

FOLDER = Path(routes.__file__).parent
FILES = {name: asset.content.decode() for name, asset in routes.assets().items()}


def test_the_page_is_at_the_root(http: httpx.Client) -> None:
    reply = http.get("/")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>doubletime</title>" in reply.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("style.css", "text/css"), ("main.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
def test_files_have_their_types(http: httpx.Client, name: str, kind: str) -> None:
    reply = http.get(f"/page/{name}")
    assert reply.headers["content-type"].split(";")[0] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_file_that_the_browser_has_is_not_sent_again(http: httpx.Client) -> None:
    first = http.get("/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = http.get("/page/main.js", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert http.get("/page/main.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_scripts_come_from_the_server_only_and_text_never_becomes_html(http: httpx.Client) -> None:
    policy = http.get("/").headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy)
    assert "require-trusted-types-for 'script'" in policy
    assert not any("unsafe" in part for part in policy)


@pytest.mark.parametrize(
    "path", ["/page/", "/page/routes.py", "/page/__init__.py", "/page/..%2Fapp.py", "/page/none.js"]
)
def test_nothing_else_is_served(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 404


def test_head_is_answered(http: httpx.Client) -> None:
    assert http.head("/").status_code == 200


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_a_file_asks_for_is_there(name: str) -> None:
    text = FILES[name]
    imports = re.findall(r'from "\./(.+?)"', text)
    links = re.findall(r'(?:href|src)="(?!#)(.+?)"', text)
    assert set(imports) <= set(FILES)
    assert {link.removeprefix("page/") for link in links} <= set(FILES)
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", [name for name in sorted(FILES) if name.endswith(".js")])
def test_scripts_set_text_and_never_html(name: str) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", FILES[name])


def test_the_page_uses_every_id_that_it_looks_up() -> None:
    looked_up = {found for text in FILES.values() for found in re.findall(r'byId\("(.+?)"\)', text)}
    built = set(re.findall(r'\bid: "(.+?)"', "".join(FILES.values())))
    assert looked_up <= set(re.findall(r'\bid="(.+?)"', FILES["index.html"])) | built
