"""Who is let in: hosts, origins, tokens, sizes; and what a browser may do with the page."""

from __future__ import annotations

import hmac
import ipaddress
import socket
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configs.page import LOOPBACK

LARGEST_BODY = 4096  # bytes; nothing that is asked of a run has one
WRONG, WITHIN_S = 10, 60.0  # wrong tokens of one address, within so long, and it is refused
_MANY = 1000  # addresses that are remembered
_ENCRYPTED = ("https", "wss")
CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "gamepad=(self), camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Hosts:
    """The names that this computer is reached by where the page is served at ``host``.

    Another name means that a foreign page has its own name lead here.
    """

    def __init__(self, host: str) -> None:
        self._local = host in LOOPBACK
        own = socket.gethostname().lower()
        self._names = {*LOOPBACK, host.lower()} | (
            set() if self._local else {own, f"{own}.local", socket.getfqdn().lower()}
        )

    def know(self, host: str | None) -> bool:
        """Whether the ``Host`` of a request is one; the port may be a tunnel's."""
        name = _name_in(host or "")
        if name is None:
            return False
        return name in self._names or (not self._local and _is_address(name))


class Tokens:
    """Compares tokens, and refuses whoever has brought many wrong ones."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._wrong: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WRONG))

    def right(self, given: object) -> bool:
        """Whether it is the token, whoever brings it."""
        text = given if isinstance(given, str) else ""
        return hmac.compare_digest(text.encode(errors="replace"), self._token)

    def refuses(self, address: str) -> bool:
        """Whether ``address`` has to wait before another try."""
        wrong = self._wrong.get(address)
        return wrong is not None and len(wrong) == WRONG and time.monotonic() - wrong[0] < WITHIN_S

    def count_wrong(self, address: str) -> None:
        """``address`` has brought a wrong one."""
        if len(self._wrong) >= _MANY:
            self._wrong.clear()
        self._wrong[address].append(time.monotonic())


class Guard:
    """Around the whole application: refuses what does not come from the page itself.

    Bodies have ``largest`` bytes at most.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, largest: int = LARGEST_BODY) -> None:
        self._app, self._hosts, self._largest = app, hosts, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in."""
        if scope["type"] not in ("http", "websocket"):
            return
        headers = Headers(scope=scope)
        if (refusal := self._refusal(headers, scope["scheme"])) is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403, "reason": refusal})
        else:
            status = 413 if refusal == _TOO_LARGE else 403
            response = PlainTextResponse(refusal, status, {"connection": "close"})
            await response(scope, receive, _with_headers(send))

    def _refusal(self, headers: Headers, scheme: str) -> str | None:
        """Why a request is refused; None if it is not."""
        host, origin = headers.get("host"), headers.get("origin")
        if not self._hosts.know(host):
            return "This computer has no such name."
        own = [f"https://{host}"]  # where it is not, a proxy before it may be
        if scheme not in _ENCRYPTED:
            own.append(f"http://{host}")
        if origin is not None and origin not in own:
            return "Another page must not ask for this."
        size = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not size.isdecimal() or int(size) > self._largest:
            return _TOO_LARGE
        return None


_TOO_LARGE = "This takes no such body."


def bearer(authorization: Iterable[str]) -> str:
    """The token of ``Authorization: Bearer TOKEN``."""
    words = " ".join(authorization).split()
    return words[1] if len(words) == 2 and words[0].lower() == "bearer" else ""


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sent


def _name_in(host: str) -> str | None:
    """The name or address in a ``Host``; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # which may raise
        return None if parts.path or parts.username is not None else parts.hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
