"""The web server of the page: its files, its socket, and an emergency stop by plain HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from hil_app.page.shown import text_of
from hil_app.page.site import Site, address_of
from hil_app.page.viewers import MOST, Viewer, Viewers

WRONG_TOKEN, BUSY, NONSENSE = 4401, 4429, 4400  # how a socket is closed
_STRANGERS = 16  # sockets that have not said who they are, at a time
_HELLO_S = 5.0  # that one may take for it
_SLOW_S = 20.0  # that a browser may take for a message


class PageApp:
    """What the page's process serves; ``setup`` is what the run has told first."""

    def __init__(self, setup: Mapping[str, Any], viewers: Viewers, tell: Any) -> None:
        self._hello, self._urdf = setup["hello"], setup["urdf"]
        self._viewers, self._tell = viewers, tell
        self._site = Site(setup["token"], setup["host"])
        self._strangers = 0

    def asgi(self) -> ASGIApp:
        """The application."""
        routes: list[BaseRoute] = [
            WebSocketRoute("/ws", self._serve),
            Route("/api/emergency_stop", self._emergency_stop, methods=["POST"]),
            Route("/api/state", self._state, methods=["GET"]),
            Route("/robot/{name}.urdf", self._robot, methods=["GET"]),
        ]
        return self._site.asgi(routes)

    async def _robot(self, request: Request) -> Response:
        urdf = self._urdf
        if urdf is None or request.path_params["name"] != urdf["name"]:
            return PlainTextResponse("There is no such robot here.\n", 404)
        return FileResponse(urdf["path"], media_type="application/xml")

    async def _state(self, request: Request) -> Response:
        if (refusal := self._site.refusal(request)) is not None:
            return refusal
        return JSONResponse({**self._hello, "state": self._viewers.shown.state})

    async def _emergency_stop(self, request: Request) -> Response:
        """Stop the arm at once; nobody who has the token is ever made to wait."""
        if not self._site.right(request):
            refusal = self._site.refusal(request)
            return refusal or PlainTextResponse("", 401)
        self._tell({"press": "emergency_stop"})
        return PlainTextResponse("The emergency stop is pressed.\n")

    async def _serve(self, socket: WebSocket) -> None:
        """A browser, from its first word to its last."""
        if self._strangers >= _STRANGERS or self._site.tokens.refuses(address_of(socket)):
            await socket.close(BUSY)  # before it is accepted: 403
            return
        await socket.accept()
        with suppress(WebSocketDisconnect, RuntimeError):  # it is gone
            if not await self._known(socket):
                await socket.close(WRONG_TOKEN, "wrong token")
            elif self._viewers.full:
                await socket.close(BUSY, f"{MOST} browsers look already")
            else:
                await self._attend(socket)

    async def _known(self, socket: WebSocket) -> bool:
        """Whether it has the token."""
        self._strangers += 1
        try:
            said = _parsed(await asyncio.wait_for(socket.receive_text(), _HELLO_S))
        except (TimeoutError, ValueError, KeyError):
            return False
        finally:
            self._strangers -= 1
        if said.get("type") == "hello" and self._site.tokens.right(said.get("token")):
            return True
        self._site.tokens.count_wrong(address_of(socket))
        return False

    async def _attend(self, socket: WebSocket) -> None:
        viewer = self._viewers.come()
        try:
            await socket.send_text(text_of("hello", id=viewer.name, **self._hello))
            async with asyncio.TaskGroup() as both:
                sends = both.create_task(self._send(socket, viewer))
                both.create_task(self._hear(socket, viewer, sends))
        except* (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass  # it is gone, or too slow
        finally:
            self._viewers.leave(viewer)

    async def _hear(self, socket: WebSocket, viewer: Viewer, sends: asyncio.Task[None]) -> None:
        """Do what it asks for, until it leaves or says what makes no sense."""
        try:
            while True:
                self._viewers.hear(viewer, _parsed(await socket.receive_text()))
        except (ValueError, KeyError):
            await socket.close(NONSENSE, "what is that?")
        except WebSocketDisconnect:
            pass
        finally:
            sends.cancel()

    async def _send(self, socket: WebSocket, viewer: Viewer) -> None:
        """Send it what is new; it never has more than the newest state and image to wait for."""
        while True:
            await viewer.wake.wait()
            viewer.wake.clear()
            if viewer.behind:
                await socket.close(BUSY, "too slow")
                return
            async with asyncio.timeout(_SLOW_S):
                await self._send_news(socket, viewer)

    async def _send_news(self, socket: WebSocket, viewer: Viewer) -> None:
        for text in viewer.texts():
            await socket.send_text(text)
        if viewer.needs_state():
            await socket.send_text(self._viewers.state_for(viewer))
        while (camera := viewer.due_image()) is not None:
            await socket.send_bytes(await self._viewers.shown.images.message(camera))


def _parsed(text: str) -> dict[str, Any]:
    """An object of JSON. Raises ValueError for anything else."""
    try:
        said = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(said, dict):
        raise ValueError("an object is expected")
    return said
