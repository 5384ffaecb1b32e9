"""Who encrypts where the other does not, and who is not trusted, is told at once and why."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from certificates import certified, needs_openssl

from configs.base import ConfigError
from hil_app.remote.encryption import check_encryption

SETTINGS = bytes((0, 0, 0, 4)) + bytes(5)  # what HTTP/2 says first


@contextmanager
def port(own: dict[str, str] | None = None, word: bytes = SETTINGS) -> Iterator[str]:
    """One that answers as Ray does there: in the clear, or to whom its certificates let in."""
    context = None
    if own is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own["RAY_TLS_SERVER_CERT"], own["RAY_TLS_SERVER_KEY"])
        context.load_verify_locations(own["RAY_TLS_CA_CERT"])
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    its, _ = server.accept()
                    with suppress(OSError), its if context is None else wrapped(its) as way:
                        way.sendall(word)
                        way.recv(1000)

        def wrapped(its: socket.socket) -> socket.socket:
            assert context is not None
            its.settimeout(5)
            return context.wrap_socket(its, server_side=True)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        serving.join()


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """The variables of a computer with certificates."""
    return certified(tmp_path, "127.0.0.1", None)


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USE_TLS", "TLS_SERVER_CERT", "TLS_SERVER_KEY", "TLS_CA_CERT"):
        monkeypatch.delenv(f"RAY_{name}", raising=False)


def say(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_where_nobody_encrypts_all_is_well() -> None:
    with port() as address:
        check_encryption(address)
    check_encryption(address)  # nobody is there, which Ray tells
    with port(word=b"SSH-2.0") as address:
        check_encryption(address)


@needs_openssl
def test_where_both_do_and_trust_each_other_all_is_well(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, own)
    with port(own) as address:
        check_encryption(address)


@needs_openssl
def test_a_command_that_was_not_told_to_encrypt_hears_what_to_export(own: dict[str, str]) -> None:
    with port(own) as address, pytest.raises(ConfigError, match=rf"{address} encrypts") as said:
        check_encryption(address)
    assert all(name in str(said.value) for name in own)


@needs_openssl
def test_a_cluster_that_does_not_encrypt_is_not_waited_for(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, own)
    with port() as address, pytest.raises(ConfigError, match=r"does not encrypt.*unset RAY_USE"):
        check_encryption(address)


@needs_openssl
def test_certificates_of_another_authority_are_named(
    own: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other = certified(tmp_path / "other", "127.0.0.1", None)
    with port(own) as address:
        for ours in (other, {**other, "RAY_TLS_CA_CERT": own["RAY_TLS_CA_CERT"]}):
            say(monkeypatch, ours)
            with pytest.raises(ConfigError, match=r"do not trust each other \(.+\).*other/tls.crt"):
                check_encryption(address)


@needs_openssl
def test_a_certificate_of_another_address_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = certified(tmp_path, "192.168.1.20", None)
    say(monkeypatch, there)
    with port(there) as address:
        check_encryption(address)  # each has 127.0.0.1, too
        elsewhere = address.replace("127.0.0.1", "127.0.0.2")
    with pytest.MonkeyPatch.context() as patch, port(there) as address:
        patch.setattr(socket, "create_connection", _to(address))
        with pytest.raises(ConfigError, match=r"127\.0\.0\.2:\d+ and this computer do not trust"):
            check_encryption(elsewhere)


def _to(address: str) -> Callable[[object, float], socket.socket]:
    host, _, number = address.rpartition(":")
    create = socket.create_connection
    return lambda _, patience: create((host, int(number)), patience)


@needs_openssl
def test_a_file_that_is_missing_is_named(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(monkeypatch, {**own, "RAY_TLS_CA_CERT": "/no/ca.crt"})
    with port(own) as address, pytest.raises(ConfigError, match=r"by RAY_TLS_CA_CERT=/no/ca\.crt$"):
        check_encryption(address)
