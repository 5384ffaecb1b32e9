"""A page's process that is played: it speaks the protocol, keeps what it hears, and has no run."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import uvicorn
from sample_page import ARM, HELLO, STATE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from waiting import until

STATIC = Path(__file__).parents[1] / "hil_app/page/static"
TOKEN = "token-of-the-played-page"
CSP = "default-src 'self'; img-src 'self' blob:; style-src 'self'"


class PlayedPage:
    """Serves the built page at ``url``; ``heard`` has what browsers said, ``sockets`` who is there.

    Whoever asks for the controls gets them. ``state`` is sent twenty times a second.
    """

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.posts: list[str] = []  # how each emergency stop by HTTP was authorized
        self.sockets: dict[str, WebSocket] = {}
        self.state = json.loads(json.dumps(STATE))
        self.hello = json.loads(json.dumps(HELLO))
        self.holder: str | None = None
        self.answers = True  # whether a press is confirmed
        self.refuses = False  # whether new sockets are turned away
        self.silent = False  # whether nothing at all is said, as of a frozen process
        self.age = 0.02  # of images [s]
        self._count = 0
        self._port = 0
        self._loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        """The link that a run prints."""
        return f"http://127.0.0.1:{self._port}/#token={TOKEN}"

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What was heard of one type."""
        return [message for message in list(self.heard) if message["type"] == kind]

    def presses(self) -> list[str]:
        """What was pressed so far."""
        return [message["what"] for message in self.said("press")]

    def tell(self, **message: Any) -> None:
        """Send a message to every browser."""

        async def send() -> None:
            for socket in list(self.sockets.values()):
                await socket.send_json(message)

        asyncio.run_coroutine_threadsafe(send(), self._loop).result(10)

    def hang_up(self) -> None:
        """Close every socket."""

        async def close() -> None:
            for socket in list(self.sockets.values()):
                with suppress(RuntimeError, WebSocketDisconnect):  # it has hung up itself
                    await socket.close()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)

    async def _serve_socket(self, socket: WebSocket) -> None:
        await socket.accept()
        if self.refuses or (await socket.receive_json()).get("token") != TOKEN:
            await socket.close(1012 if self.refuses else 4401)
            return
        self._count += 1
        name = f"browser {self._count}"
        self.sockets[name] = socket
        await socket.send_json({**self.hello, "id": name})
        tasks = [asyncio.create_task(self._feed(name, socket))]
        cameras = [asyncio.Event() for _ in self.hello["run"]["cameras"]]
        tasks += [
            asyncio.create_task(self._film(socket, index, drawn))
            for index, drawn in enumerate(cameras)
        ]
        try:
            while True:
                await self._hear(name, socket, json.loads(await socket.receive_text()), cameras)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            for task in tasks:
                task.cancel()
            del self.sockets[name]
            self.holder = None if self.holder == name else self.holder

    async def _hear(
        self, name: str, socket: WebSocket, message: dict[str, Any], cameras: list[asyncio.Event]
    ) -> None:
        self.heard.append({**message, "by": name, "at": time.monotonic()})
        kind = message["type"]
        if kind == "controls":
            if message["want"]:
                self.holder = name
            elif self.holder == name:
                self.holder = None
        elif kind == "drawn":
            cameras[message["camera"]].set()
        elif kind == "press" and self.answers:
            await socket.send_json({"type": "pressed", "id": message["id"]})
        elif kind == "ping" and not self.silent:
            await socket.send_json({"type": "pong", "t": message["t"]})

    async def _feed(self, name: str, socket: WebSocket) -> None:
        while True:
            if not self.silent:
                controls = {
                    "holder": self.holder,
                    "yours": self.holder == name,
                    "viewers": len(self.sockets),
                }
                await socket.send_json({**self.state, "controls": controls})
            await asyncio.sleep(0.05)

    async def _film(self, socket: WebSocket, camera: int, drawn: asyncio.Event) -> None:
        for number in range(1_000_000_000):
            if self.silent:
                await asyncio.sleep(0.05)
                continue
            await socket.send_bytes(struct.pack("<Bd", camera, self.age) + image(camera, number))
            await drawn.wait()
            drawn.clear()
            await asyncio.sleep(0.03)

    async def _emergency_stop(self, request: Request) -> Response:
        self.posts.append(request.headers.get("authorization", ""))
        return Response(status_code=204)

    def _app(self) -> ASGIApp:
        async def urdf(_: Request) -> Response:
            return PlainTextResponse(ARM.urdf.read_text(), media_type="application/xml")

        routes = [
            Route("/api/emergency_stop", self._emergency_stop, methods=["POST"]),
            Route("/robot/so101.urdf", urdf),
            WebSocketRoute("/ws", self._serve_socket),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ]

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            self._loop = asyncio.get_running_loop()
            yield

        return strict(Starlette(routes=routes, lifespan=lifespan))

    @contextmanager
    def serving(self) -> Iterator[PlayedPage]:
        """Serve from a thread of its own, until the end of the block."""
        config = uvicorn.Config(
            self._app(),
            port=0,
            log_level="error",
            timeout_graceful_shutdown=2,
            ws="websockets-sansio",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until(lambda: server.started)
        self._port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.hang_up()
            server.should_exit = True
            thread.join(10)


def strict(app: ASGIApp) -> ASGIApp:
    """The same app, under the content security policy of the real page."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", CSP.encode()),
                ]
            await send(message)

        await app(scope, receive, with_policy)

    return served


def image(camera: int, number: int) -> bytes:
    """A JPEG that changes: a table, a cube and something that moves about it."""
    field = np.full((240, 320, 3), (96, 104, 78) if camera else (150, 158, 160), np.uint8)
    cv2.rectangle(field, (40, 120), (280, 238), (88, 96, 76), -1)
    cv2.rectangle(field, (150, 170), (176, 196), (40, 40, 205), -1)
    angle = number / 20
    middle = (160 + int(70 * math.cos(angle)), 120 + int(40 * math.sin(angle)))
    cv2.line(field, (60, 60), middle, (20, 120, 245), 18)
    return cv2.imencode(".jpg", field)[1].tobytes()
