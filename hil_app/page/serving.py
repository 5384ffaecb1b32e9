"""How uvicorn serves a page."""

from __future__ import annotations

from asyncio.transports import BaseTransport
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_MESSAGE = 1 << 14  # bytes that a browser may say at once
MOST_CONNECTIONS = 200
_PING_S = 5.0  # between two looks whether a browser is there


class _Bounded(H11Protocol):
    """A connection; more than MOST_CONNECTIONS are cut."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()  # type: ignore[attr-defined]


def server_of(app: ASGIApp, certificate: str | Path | None) -> uvicorn.Server:
    """A server of ``app``, by https if there is a ``certificate``."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=_Bounded,
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            ws_ping_interval=_PING_S,
            ws_ping_timeout=2 * _PING_S,
            ws_per_message_deflate=False,
            lifespan="off",
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ssl_certfile=certificate,
            timeout_graceful_shutdown=1,
        )
    )
