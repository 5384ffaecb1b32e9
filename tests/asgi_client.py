"""Asks an ASGI application without a socket: what a browser cannot be made to send goes, too."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Answer:
    """What it says."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    """One at 127.0.0.1:8080, who sends these ``headers`` with all that is asked."""

    def __init__(self, app: ASGIApp, scheme: str = "http", **headers: str) -> None:
        self._app, self._scheme = app, scheme
        self._headers = {"host": "127.0.0.1:8080", **headers}

    def get(self, target: str, **headers: str) -> Answer:
        return self.ask("GET", target, **headers)

    def post(self, target: str, body: object = None, **headers: str) -> Answer:
        return self.ask("POST", target, json.dumps(body or {}).encode(), **headers)

    def delete(self, target: str, **headers: str) -> Answer:
        return self.ask("DELETE", target, **headers)

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        """Status, headers and body of the answer; ``target`` goes as it is."""
        return asyncio.run(self._ask(method, target, body, headers))

    async def _ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = target.partition("?")
        named = {**self._headers, "content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "method": method,
            "scheme": self._scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
        }
        said: list[Message] = []
        gone = asyncio.Event()
        requests: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if requests:
                return requests.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append(dict(message))

        await self._app(scope, receive, send)
        start, *rest = said
        pairs = {key.decode(): value.decode() for key, value in start["headers"]}
        return Answer(start["status"], pairs, b"".join(one.get("body", b"") for one in rest))
