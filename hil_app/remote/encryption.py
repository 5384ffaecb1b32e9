"""Whether a cluster encrypts, and whether this program comes with what it takes to be let in.

Where the two differ Ray only waits, for minutes: this asks the port before Ray does.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress

from configs.base import ConfigError

_PATIENCE_S = 5.0
_SWITCH = "RAY_USE_TLS"
_CERTIFICATE, _KEY, _AUTHORITY = "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT"
_TLS = b"\x15", b"\x16"  # what it says first: an alert, or a handshake
_PLAIN = b"\0"  # the same of HTTP/2 without it: settings, whose length begins so
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4)) + bytes(5)  # HTTP/2, no settings


def check_encryption(address: str) -> None:
    """Raise ConfigError if one of Ray at HOST:PORT and this program encrypts, and one does not.

    A port that says nothing is left for Ray to judge.
    """
    host, _, port = address.rpartition(":")
    ours = os.environ.get(_SWITCH, "0").lower() in ("1", "true")
    try:
        first = _first_word(host, int(port))
        if ours and first in _TLS:
            _come_in(host, int(port), address)
    except (OSError, ValueError, OverflowError):
        return
    if not ours and first in _TLS:
        raise ConfigError(
            f"the cluster at {address} encrypts, and this command was not told to: export "
            f"{_SWITCH}=1, {_CERTIFICATE}, {_KEY} and {_AUTHORITY} as on the cluster's computers "
            "(the handbook's `Several machines`, `Encrypt it`)"
        )
    if ours and first == _PLAIN:
        raise ConfigError(
            f"the cluster at {address} does not encrypt, and this command was told to: unset "
            f"{_SWITCH}, or bring the cluster up anew where {_SWITCH}=1 is set"
        )


def _first_word(host: str, port: int) -> bytes:
    """The first byte that comes back to the beginning of a TLS handshake."""
    words = ssl.MemoryBIO()
    context = _context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(ssl.SSLWantReadError):  # an answer
        context.wrap_bio(ssl.MemoryBIO(), words).do_handshake()
    with socket.create_connection((host, port), _PATIENCE_S) as its:
        its.settimeout(_PATIENCE_S)
        its.sendall(words.read())
        return its.recv(1)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    return context


def _come_in(host: str, port: int, address: str) -> None:
    """Raise ConfigError unless the two trust each other's certificates."""
    files = {name: os.environ.get(name, "") for name in (_CERTIFICATE, _KEY, _AUTHORITY)}
    if missing := [f"{name}={file}" for name, file in files.items() if not os.path.isfile(file)]:
        raise ConfigError(f"{_SWITCH}=1 needs a file each: there is none by {', '.join(missing)}")
    context, why = _context(), "it ends the connection"
    try:
        context.load_verify_locations(files[_AUTHORITY])
        context.load_cert_chain(files[_CERTIFICATE], files[_KEY])
        with socket.create_connection((host, port), _PATIENCE_S) as its:
            its.settimeout(_PATIENCE_S)
            with context.wrap_socket(its, server_hostname=host) as safe:
                safe.sendall(_HELLO)
                if safe.recv(1):  # an alert, or nothing, where it does not trust ours
                    return
    except ssl.SSLError as error:
        why = str(getattr(error, "verify_message", None) or error.reason or error)
    raise ConfigError(
        f"the cluster at {address} and this computer do not trust each other ({why}): their "
        f"certificates, here {files[_CERTIFICATE]}, must be of one authority and have the address "
        "that each is reached by"
    )
