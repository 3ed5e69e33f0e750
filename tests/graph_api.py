"""A small Graph API, as Meta's answers: listings in pages, errors with numbers, a token in `paging.next`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import httpx

SECRET = "EAABnot-for-any-log"
NOW = "Fri, 20 Nov 2026 18:00:00 GMT"
NOW_SECONDS = 1_795_197_600
GONE = {"error": {"message": f"Unsupported get request {SECRET}", "code": 100, "error_subcode": 33}}


def failing(code: int, subcode: int | None = None, **more: Any) -> dict[str, Any]:
    """An error as Meta writes it, with words that quote the token."""
    error = {"message": f"Malformed access token {SECRET}", "type": "OAuthException", "code": code, **more}
    return {"error": error | ({} if subcode is None else {"error_subcode": subcode})}


@dataclass
class GraphApi:
    """What stands at each node and edge, the newest first; `error` answers in the place of everything."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    error: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    headers: dict[str, str] = field(default_factory=dict)
    token: dict[str, Any] | None = None
    size: int = 1_000
    tells_next: bool = True
    asked: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path).split("/", 2)[2]
        self.asked.append(path)
        self.requests.append(request)
        failed = self.error(request)
        if failed is not None:
            return failed
        answer = self._answer(path, request)
        headers = {"date": NOW} | self.headers
        return httpx.Response(400 if "error" in answer else 200, json=answer, headers=headers)

    def _answer(self, path: str, request: httpx.Request) -> dict[str, Any]:
        asked = dict(request.url.params.items())
        if path == "debug_token":
            return failing(100) if self.token is None else {"data": self.token}
        if path in self.edges:
            return self._page(self.edges[path], asked)
        if path.endswith(("/comments", "/replies", "/conversation")):
            return {"data": []}
        if path in self.nodes:
            return {"id": path} | self.nodes[path]
        lines = (line for listed in self.edges.values() for line in listed)
        return next((line for line in lines if line.get("id") == path), GONE)

    def _page(self, lines: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
        limit, start = min(int(asked.get("limit", 25)), self.size), 0
        if "after" in asked:
            names = [str(line["id"]) for line in lines]
            if asked["after"] not in names:
                return failing(100)
            start = names.index(asked["after"]) + 1
        page = lines[start : start + limit]
        if not page:
            return {"data": []}
        after = str(page[-1].get("id"))
        following = {"next": f"https://graph.example/x?{urlencode({'access_token': SECRET, 'after': after})}"}
        is_more = start + limit < len(lines) and self.tells_next
        return {"data": page, "paging": {"cursors": {"after": after}} | (following if is_more else {})}

    def count(self, path: str) -> int:
        """How often a path was asked."""
        return self.asked.count(path)
