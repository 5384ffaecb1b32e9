"""What every page of ours shares: who is let in, the built files, links that carry their right."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from hil_app.page.guard import LARGEST_BODY, Guard, Hosts, Tokens, bearer

STATIC = Path(__file__).with_name("static")
MISSING = (
    "The page's files are not built here: `make page` builds them, with npm. "
    "What is below /api answers all the same, to who has the token."
)
_FILES = "/files"


class Site:
    """The doors of a page at ``host``: whoever has the ``token`` comes in.

    ``index`` is which of the built pages is shown, and bodies of requests have ``largest`` bytes at
    most.
    """

    def __init__(
        self, token: str, host: str, index: str = "index.html", *, largest: int = LARGEST_BODY
    ) -> None:
        self.tokens = Tokens(token)
        self._key, self._hosts, self._index = token.encode(), Hosts(host), index
        self._largest = largest

    def asgi(self, routes: Sequence[BaseRoute]) -> ASGIApp:
        """The application, with these routes beside its files."""
        return Guard(Starlette(routes=[*routes, *self._built()]), self._hosts, self._largest)

    def right(self, request: Request) -> bool:
        """Whether a request brings the token."""
        return self.tokens.right(bearer(request.headers.getlist("authorization")))

    def refusal(self, request: Request) -> Response | None:
        """Why a request without the right token is refused; None if it has that."""
        address = address_of(request)
        if self.tokens.refuses(address):
            return PlainTextResponse("Too many wrong tokens: wait a minute.\n", 429)
        if self.right(request):
            return None
        self.tokens.count_wrong(address)
        return PlainTextResponse("Bring the token of the page's link.\n", 401)

    def link_to(self, file: Path) -> str:
        """A link that a browser loads a file by, as a video: it brings its right with it.

        It holds for that file as long as the token does; :meth:`files` serves it, in ranges too.
        """
        path = str(file.absolute())
        return f"{_FILES}?{urlencode({'path': path, 'key': self._signed(path)})}"

    def files(self) -> BaseRoute:
        """Serves what :meth:`link_to` leads to."""
        return Route(_FILES, self._file, methods=["GET"])

    async def _file(self, request: Request) -> Response:
        path, key = (request.query_params.get(name, "") for name in ("path", "key"))
        if not hmac.compare_digest(self._signed(path).encode(), key.encode(errors="replace")):
            return PlainTextResponse("There is no such file here.\n", 404)
        if not Path(path).is_file():
            return PlainTextResponse("This file is gone.\n", 404)
        return FileResponse(path)

    def _signed(self, path: str) -> str:
        return hmac.new(self._key, path.encode(errors="replace"), hashlib.sha256).hexdigest()

    def _built(self) -> list[BaseRoute]:
        first = Route("/", self._first, methods=["GET"])
        files = [Mount("/", StaticFiles(directory=STATIC))] if STATIC.is_dir() else []
        return [first, *files]

    async def _first(self, _: Request) -> Response:
        if not (STATIC / self._index).is_file():
            return PlainTextResponse(MISSING + "\n", 503)
        return FileResponse(STATIC / self._index)


def address_of(connection: HTTPConnection) -> str:
    """Of the computer at its other end."""
    return connection.client.host if connection.client else ""
