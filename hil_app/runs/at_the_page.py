"""Where a run's page is, and what is pressed on it."""

from __future__ import annotations

import secrets
import socket
import ssl
import sys
from typing import Self

from configs.base import ConfigError
from configs.page import PageConfig, PageTeleopConfig
from configs.run import RunConfig
from hil_app.support.address import Address
from teleop.page.buttons import PageButtons

_TOKEN = 24  # bytes of one made at random
_EVERYWHERE = ("0.0.0.0", "::")


def is_wanted(config: RunConfig) -> bool:
    """Whether a run has a page: where the config says so, or in a terminal where it says nothing.

    An operator who drives from it needs it, and so does who has it opened.
    """
    wanted = config.page.enabled
    if wanted is not None:
        return wanted
    needed = config.page.open or isinstance(config.teleop, PageTeleopConfig)
    return needed or (sys.stdin.isatty() and sys.stdout.isatty())


class PagePlace:
    """Where the operator's page is served, while entered, and what is pressed on it."""

    def __init__(self, config: PageConfig) -> None:
        self.config = config
        self.address = Address(config.host, config.port)
        self.buttons = PageButtons()
        self.token = config.token or secrets.token_urlsafe(_TOKEN)

    def __enter__(self) -> Self:
        check_certificate(self.config)
        self.address.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.address.__exit__(*error)

    @property
    def link(self) -> str:
        """What to open in a browser; whoever has it may steer the run."""
        config, host = self.config, self.config.host
        if host in _EVERYWHERE:
            host = socket.gethostname()
        scheme = "http" if config.certificate is None else "https"
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{self.address.port}/#token={self.token}"


def check_certificate(config: PageConfig) -> None:
    """Raise ConfigError if the certificate cannot be used."""
    if config.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            config.certificate, password=_no_password
        )
    except OSError as error:  # SSLError is one
        why = error.strerror or error
        raise ConfigError(
            f"page.certificate: {config.certificate} cannot be used ({why}): name a PEM file that "
            "has a certificate and its key, without a password"
        ) from None


def _no_password() -> str:
    return ""
