"""Pages at another address than loopback's: a token, a warning, and https by an own certificate."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsers import PAD, chromium, move_pad, needs_browser
from handbook import ROOT
from page_clients import Browser, served
from waiting import PATIENCE_S, until
from websockets.exceptions import InvalidStatus

HOST = "127.0.0.2"  # what the page takes for one of the network, and no other computer reaches
AT = f"--page.host={HOST}"
CERTIFIED = "--page.certificate=robot.pem"
WARNING = "! the page can be reached from the network, and nothing on it is encrypted"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")


@pytest.fixture
def trust(tmp_path: Path) -> ssl.SSLContext:
    """Of a tablet that trusts the certificate which the handbook's commands make."""
    text = (ROOT / "docs/page.md").read_text().replace("\\\n", "").replace("192.168.0.7", HOST)
    for line in re.findall(r"^\$ (openssl .*)", text, re.MULTILINE):
        subprocess.run(shlex.split(line), cwd=tmp_path, check=True, capture_output=True)
    return ssl.create_default_context(cafile=tmp_path / "robot.crt")


@contextmanager
def page(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The page without a run: its link, and the process."""
    command = [sys.executable, "-m", "hil_app", "page", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("page: ").strip(), process
        finally:
            process.kill()


def asked(
    link: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    trust: ssl.SSLContext | None = None,
    **headers: str,
) -> tuple[int, str]:
    """Status and text of what the page of a ``link`` answers to who has its token."""
    parts = urlsplit(link)
    host, port = str(parts.hostname), parts.port
    connection = (
        http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        if trust is None
        else http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=trust)
    )
    token = parts.fragment.removeprefix("token=")
    named = {"Authorization": f"Bearer {token}", **headers}
    method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
    try:
        connection.request(method, path, content, named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_without_a_certificate_the_command_warns_and_the_token_is_asked_for(tmp_path: Path) -> None:
    with page(tmp_path, AT) as (link, process):
        assert re.fullmatch(rf"http://{HOST}:\d+/#token=[\w-]{{32}}", link)
        assert asked(link, "/api/runs") == (200, "[]")
        assert asked(link.replace("token=", "token=x"), "/api/runs")[0] == 401
        assert asked(link, "/api/runs", Host="evil.example")[0] == 403
        assert asked(link, "/api/runs", Origin=f"http://{HOST}:1")[0] == 403
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    assert output.startswith(WARNING)


@needs_openssl
@pytest.mark.slow
def test_with_one_it_and_the_pages_of_its_runs_are_served_by_https_alone(
    tmp_path: Path, trust: ssl.SSLContext
) -> None:
    with page(tmp_path, AT, CERTIFIED, "--page.token=a-token-of-my-own") as (link, process):
        assert re.fullmatch(rf"https://{HOST}:\d+/#token=a-token-of-my-own", link)
        with pytest.raises((http.client.HTTPException, OSError)):
            asked(link, "/api/runs")
        assert asked(link, "/api/runs", trust=trust) == (200, "[]")
        begun = asked(link, "/api/started", {"form": "teleoperate"}, trust)
        assert begun[0] == 200, begun
        run = until(lambda: json.loads(asked(link, "/api/started", trust=trust)[1])["link"])
        assert run.startswith(f"https://{HOST}:")
        assert "my-own" not in run
        here = run.partition("/#")[0]
        with Browser(run, ssl=trust, origin=here) as browser:
            browser.until_who("HOLDING")
        for foreign in (here.replace("https", "http"), "https://evil.example"):
            with pytest.raises(InvalidStatus), Browser(run, ssl=trust, origin=foreign):
                pass
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    assert output.startswith("ending what was started: hil-app teleoperate ")


@needs_openssl
@needs_browser
@pytest.mark.slow
@pytest.mark.usefixtures("trust")
def test_an_operator_drives_by_gamepad_over_https(tmp_path: Path) -> None:
    options = (AT, CERTIFIED, "--teleop.type=page", "--teleop.dead_man_ms=5000")
    with served(tmp_path, "teleoperate", *options) as running, chromium() as browser:
        tablet = browser.new_page(ignore_https_errors=True)
        tablet.add_init_script(PAD)
        tablet.goto(running.link)
        assert tablet.evaluate("isSecureContext")
        tablet.get_by_role("button", name="Take the controls").click()
        until(tablet.get_by_role("button", name="Give the controls back").is_visible)
        move_pad(tablet, axes={0: 0.5}, b5=1.0)
        until(lambda: tablet.locator("#who").inner_text() == "YOU")
        tablet.close()
        assert not any(line.startswith("!") for line in running.lines)
