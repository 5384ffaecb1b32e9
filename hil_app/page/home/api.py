"""How a subject answers a browser: plain functions in, routes with JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from configs.errors import HilAppError
from hil_app.page.shown import json_of
from hil_app.page.site import Site


@dataclass(frozen=True)
class Asked:
    """What a browser asks: the words of the path by their names, the query, the body's object."""

    place: Mapping[str, str]
    query: QueryParams
    body: Mapping[str, Any]


Answer = Callable[[Asked], Any]  # gives what JSON can say; runs in a thread


class Refused(HilAppError):
    """What is asked cannot be, and the message says why."""

    status: ClassVar[int] = 400


class NotHere(Refused):
    """There is no such thing here."""

    status = 404


class Busy(Refused):
    """Not now: something else is under way."""

    status = 409


class Api:
    """Makes routes, below /api, for whoever has the token of a ``site``.

    ::

        api = Api(site)
        routes = [api.get("/runs", listed), api.delete("/runs/{name}", removed)]

    A HilAppError that a function raises is answered as ``{"error": "…"}``. What changes anything
    is no GET.
    """

    def __init__(self, site: Site) -> None:
        self.site = site

    def get(self, path: str, answer: Answer) -> Route:
        """What is only looked at."""
        return self._route("GET", path, answer)

    def post(self, path: str, answer: Answer) -> Route:
        """What changes something; it has an object of JSON for its body."""
        return self._route("POST", path, answer)

    def delete(self, path: str, answer: Answer) -> Route:
        """What is removed."""
        return self._route("DELETE", path, answer)

    def _route(self, method: str, path: str, answer: Answer) -> Route:
        return Route(f"/api{path}", partial(self._answer, answer), methods=[method])

    async def _answer(self, answer: Answer, request: Request) -> Response:
        if (refusal := self.site.refusal(request)) is not None:
            return refusal
        try:
            body = _object(await request.body()) if request.method == "POST" else {}
            asked = Asked(request.path_params, request.query_params, body)
            said = await run_in_threadpool(answer, asked)
        except HilAppError as error:
            status = error.status if isinstance(error, Refused) else 400
            return JSONResponse({"error": str(error)}, status)
        except OSError as error:
            return JSONResponse({"error": _why(error)}, 500)
        return PlainTextResponse(json_of(said), media_type="application/json")


def _object(body: bytes) -> Mapping[str, Any]:
    """The object that a body is. Raises Refused for anything else."""
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refused("this is no JSON") from None
    if not isinstance(said, dict):
        raise Refused("an object of JSON is expected")
    return said


def _why(error: OSError) -> str:
    place = "" if error.filename is None else f" at {error.filename}"
    return f"it cannot be done: {error.strerror or error}{place}"
