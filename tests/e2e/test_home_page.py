"""`hil-app page` alone, as a user starts it: what it starts, and how both end."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from waiting import PATIENCE_S, until


class Home:
    """The running command, and a browser at it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        line = process.stdout.readline()
        assert line.startswith("page: http://127.0.0.1:"), process.communicate()
        self.link = line.split()[1]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the page answers."""
        return asked(self.link, method, path, body)

    def until_ended(self) -> Any:
        """The state of what was started, once that has ended."""

        def found() -> Any:
            state = self.ask("GET", "/api/started")
            return None if state["going_on"] else state

        return until(found, self.process)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: status, the rest of the output, errors."""
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output, errors


def asked(link: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What the page of a link answers."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {parts.fragment.removeprefix('token=')}"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return json.loads(text)
    finally:
        connection.close()


def stage(link: str) -> str | None:
    """Which stage the run of a page is in."""
    state = asked(link, "GET", "/api/state")["state"]
    return None if state is None else state["stage"]["name"]


@contextmanager
def home(folder: Path, *options: str) -> Iterator[Home]:
    """The command in a folder, once it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hil_app", "page", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    with process:
        try:
            yield Home(process)
        finally:
            process.kill()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_its_end_ends_the_run_that_it_has_started_in_order(
    number: signal.Signals, tmp_path: Path
) -> None:
    with home(tmp_path) as running:
        options = {"train.demonstrations": "1", "train.ticks": "100000", "env.paced": "true"}
        line = running.ask("POST", "/api/started", {"form": "demo", "options": options})["command"]
        assert line.startswith("hil-app demo --train.demonstrations=1 --train.ticks=100000 ")
        link = until(lambda: running.ask("GET", "/api/started")["link"], running.process)
        assert asked(link, "GET", "/api/state")["run"]["command"] == "demo"
        (run,) = until(lambda: running.ask("GET", "/api/runs"))
        assert run["going_on"]
        until(lambda: stage(link) == "train")
        running.process.send_signal(number)
        status, output, errors = running.end()
    assert (status, errors) == (128 + number, "")
    assert output == f"ending what was started: {line}\n"
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "summary.json").read_text())["ended"] == "SIGTERM"
    assert [*folder.glob("checkpoints/tick_*")]  # it is whole


@pytest.mark.slow
def test_a_run_that_is_stopped_or_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with home(tmp_path) as running:
        options = {"teleop.type": "gamepad_hid"}
        running.ask("POST", "/api/started", {"form": "teleoperate", "options": options})
        ended = running.until_ended()
        assert ended["status"] in (1, 2)
        assert ended["said"][-1]["line"].startswith("hil-app: ")
        running.ask("POST", "/api/started", {"form": "teleoperate"})
        until(lambda: running.ask("GET", "/api/started")["link"], running.process)
        running.ask("POST", "/api/started/stop")
        ended = running.until_ended()
        assert ended["status"] == 128 + signal.SIGINT
        running.process.send_signal(signal.SIGINT)
        assert running.end() == (130, "", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--train.ticks=3"],
            "train.ticks: no run is started yet; say it on the page's start view",
        ),
        (["--page.certificate=none.pem"], "page.certificate: none.pem cannot be used"),
    ],
)
def test_what_cannot_be_served_is_one_line(options: list[str], said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hil_app", "page", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"hil-app: {said}")
    assert done.stderr.count("\n") == 1
