"""The operator's page of real commands, seen and driven by clients that are no browsers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attended_sessions import stretches
from page_clients import AT_REST, Browser, Served, pad, served
from recordings import recorded
from waiting import until
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from hil_app.page.viewers import MOST
from teleop.oracles.base import HOVER, Grasp, Stick
from teleop.oracles.pick_lift import INSIDE
from teleop.page.codes import BUTTONS

RB = BUTTONS.index("rightshoulder")
TO_CLOSE = BUTTONS.index("lefttrigger")
GAIN, NEAR = 30.0, 0.004  # of a hand that steers by eye [1/m], and what it takes for there [m]
PATIENT = "--teleop.dead_man_ms=1500"  # with a browser on a busy machine
CAMERAS = ("--robot.cameras.front.width=64", "--robot.cameras.front.height=48")
SMALL = """
env: {fps: 30, paced: true, control_time_s: 1.0, reset_speed: 400}
policy: {hidden_dims: [16], latent_dim: 8}
learner: {mode: background, learning_starts: 20, batch_size: 16}
train: {demonstrations: 0, ticks: 1000000}
eval: {episodes: 0}
page: true
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A command that goes on while browsers come and go."""
    folder = tmp_path_factory.mktemp("page")
    with served(folder, "teleoperate", "--teleop.type=page", *CAMERAS) as running:
        with Browser(running.link) as browser:
            browser.until_who("HOLDING")
        yield running
        assert running.process.poll() is None  # whatever was done to the page


def asked(
    running: Served, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, str]:
    """Status and text of an HTTP request."""
    connection = http.client.HTTPConnection(*running.place, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_browser_sees_the_run_and_its_cameras(watched: Served) -> None:
    with Browser(watched.link) as browser:
        hello = browser.heard[0]
        assert hello["run"]["command"] == "teleoperate"
        assert hello["run"]["joints"][0] == "shoulder_pan"
        assert hello["run"]["cameras"] == [{"name": "front", "width": 64, "height": 48}]
        assert hello["dead_man_ms"] == 150
        assert hello["keys"]["ShiftLeft"] == "take over (hold)"
        assert hello["mapping"]["left stick up"] == "forward"
        before = browser.until(lambda state: len(state["joints"]) == 6)
        assert before["stage"]["name"] == "teleoperate"
        browser.until(lambda state: state["stage"]["ticks"] > before["stage"]["ticks"])
        until(lambda: len(browser.images.get(0, [])) > 3)
        image = browser.images[0][-1]
        assert image[9:11] == b"\xff\xd8"  # a JPEG
        assert 0 <= np.frombuffer(image[1:9], "<f8")[0] < 100
        status, urdf = asked(watched, "GET", hello["run"]["urdf"])
        assert (status, "<robot" in urdf) == (200, True)


def test_one_browser_at_a_time_has_the_controls(watched: Served) -> None:
    with Browser(watched.link) as first:
        with Browser(watched.link) as second:
            first.take_controls()
            second.until(lambda state: state["controls"]["holder"] == first.name)
            second.send(type="controls", want=True)
            until(lambda: second.messages("refused"))
            until(lambda: [one for one in first.messages("event") if one["name"] == "controls"])
            second.send(type="press", what="stop", id=1)
            until(lambda: len(second.messages("refused")) == 2)
            assert not second.messages("pressed")
            first.send(type="controls", want=False)
            second.take_controls()
            second.frozen = True  # and takes no leave
            time.sleep(1.2)
            first.take_controls()
            second.until(lambda state: not state["controls"]["yours"])
        first.until(lambda state: state["controls"]["viewers"] == 1)


def test_a_wrong_token_is_turned_away_and_then_made_to_wait(watched: Served) -> None:
    link = watched.link.partition("token=")[0] + "token=" + "x" * 32
    with Browser(watched.link) as known:
        codes = set()
        for _ in range(12):
            with suppress(InvalidStatus), Browser(link) as stranger:
                until(lambda: stranger.closed is not None)
                codes.add(stranger.closed)
        assert codes == {4401}
        with pytest.raises(InvalidStatus), Browser(link):  # too many
            pass
        assert asked(watched, "GET", "/api/state")[0] == 429
        wrong = asked(watched, "POST", "/api/emergency_stop", authorization="Bearer " + "x" * 32)
        assert wrong[0] == 429
        known.until(lambda state: state["stage"]["ticks"] > known.state["stage"]["ticks"] - 1)
    restart(watched)  # which has forgotten it


def restart(running: Served) -> None:
    """Kill the page's process, and wait for the next."""
    before = running.page_process()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: running.page_process() not in (None, before))


def test_foreign_origins_and_names_are_refused(watched: Served) -> None:
    host, port = watched.place
    here = f"http://{host}:{port}"
    for foreign in ("http://evil.example", f"http://{host}:{port + 1}", "null"):
        place = f"ws://{host}:{port}/ws"
        with pytest.raises(InvalidStatus) as refused, connect(place, origin=foreign):  # type: ignore[arg-type]
            pass
        assert refused.value.response.status_code == 403
        token = f"Bearer {watched.token}"
        stop = asked(watched, "POST", "/api/emergency_stop", authorization=token, origin=foreign)
        assert stop[0] == 403
    assert asked(watched, "GET", "/", host="evil.example")[0] == 403
    assert asked(watched, "GET", "/", host=f"evil.example:{port}")[0] == 403
    token = f"Bearer {watched.token}"
    status, text = asked(watched, "GET", "/api/state", authorization=token, origin=here)
    assert (status, json.loads(text)["state"]["who"]) == (200, "HOLDING")
    assert asked(watched, "GET", "/api/state", authorization=token, host="localhost:9")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../../app.py",
        "/..%2f..%2fapp.py",
        "/%2e%2e/app.py",
        "/assets/../../app.py",
        "/robot/../so101.urdf",
        "/robot/..%2f..%2f..%2fetc%2fpasswd.urdf",
        "/robot/so100.urdf",
        "//etc/passwd",
        "/etc/passwd",
    ],
)
def test_nothing_but_the_page_is_served(path: str, watched: Served) -> None:
    status, text = asked(watched, "GET", path)
    assert status == 404
    assert "import" not in text
    assert "root:" not in text


def test_what_is_too_large_or_makes_no_sense_is_refused(watched: Served) -> None:
    token = f"Bearer {watched.token}"
    large = b"x" * 10_000_000
    with suppress(ConnectionError):  # it does not even read it
        status, _ = asked(watched, "POST", "/api/emergency_stop", large, authorization=token)
        assert status == 413
    for said in (
        "x" * 10_000_000,
        "[" * 9000,
        '{"type":"jump"}',
        '{"type":"press","what":"x"}',
        "3",
    ):
        with Browser(watched.link) as browser:
            with suppress(ConnectionClosed):
                browser.socket.send(said)
            until(lambda: browser.closed is not None)
            cut = (1009, 1006) if len(said) > 10_000 else (4400,)  # it may be amid the sending
            assert browser.closed in cut


def test_a_hundred_browsers_are_too_many_and_those_that_are_there_stay(watched: Served) -> None:
    with Browser(watched.link) as first, ExitStack() as stack:
        let_in = 0
        host, port = watched.place
        for _ in range(100):
            with suppress(WebSocketException, OSError):
                one = stack.enter_context(connect(f"ws://{host}:{port}/ws", close_timeout=0.1))
                one.send(json.dumps({"type": "hello", "token": watched.token}))
                let_in += json.loads(one.recv())["type"] == "hello"
        assert let_in == MOST - 1
        silent = [stack.enter_context(socket.create_connection((host, port))) for _ in range(150)]
        ticks = first.state["stage"]["ticks"]
        first.until(lambda state: state["stage"]["ticks"] > ticks + 3)
        assert len(silent) == 150
    with Browser(watched.link) as again:
        again.until(lambda state: state["controls"]["viewers"] == 1)


def test_a_page_process_that_is_killed_or_hangs_is_replaced_and_told_once(watched: Served) -> None:
    with Browser(watched.link) as browser:
        ticks = browser.state["stage"]["ticks"]
        restart(watched)
        until(lambda: browser.closed is not None)
    restart(watched)
    with Browser(watched.link) as again:  # by the same link
        again.until(lambda state: state["stage"]["ticks"] > ticks)
        assert [one["name"] for one in again.messages("event")] == ["page_lost"]
    assert len(watched.events("page_lost")) == 1
    before = watched.page_process()
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    until(lambda: watched.page_process() not in (None, before))
    with Browser(watched.link) as again:
        again.until_who("HOLDING")


class Hand:
    """Brings the gripper to the cube, by eye."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._grasp = Grasp(Stick(np.ones(3, np.float32), 30.0), 0.0, 45.0, INSIDE)

    def go(self, over: float) -> None:
        """So high ``over`` where its fingers stand around the cube [m]."""
        above = np.array([0.0, 0.0, over])

        def near(state: dict[str, Any]) -> bool:
            spot = self._grasp.spot(np.array(state["object"], np.float32))
            way = spot + above - np.array(state["tip"])
            x, y, z = np.clip(GAIN * way, -1, 1).tolist()
            self._browser.doing = pad(RB, lefty=-x, leftx=-y, righty=-z)
            return bool(np.abs(way).max() < NEAR)

        self._browser.until(near)

    def wait(self, ticks: int, doing: dict[str, Any]) -> None:
        """Do something for a while."""
        self._browser.do(doing)
        begun = self._browser.state["stage"]["ticks"]
        self._browser.until(lambda state: state["stage"]["ticks"] >= begun + ticks)


def test_an_operator_picks_up_the_cube_from_a_browser(tmp_path: Path) -> None:
    """And all that is recorded is flagged as it was: held, let go, held."""
    options = (PATIENT, "--teleoperate.episodes=1", "--teleoperate.record=true")
    with served(tmp_path, "teleoperate", "--teleop.type=page", *options) as running:
        with Browser(running.link) as browser:
            browser.until_who("HOLDING")
            browser.take_controls()
            hand = Hand(browser)
            hand.wait(9, pad(RB))
            hand.wait(9, AT_REST)
            browser.until_who("HOLDING")
            hand.go(over=HOVER)
            hand.go(over=0.0)
            hand.wait(30, pad(RB, TO_CLOSE))
            browser.do(pad(RB, righty=-1.0))
            status, output, errors = running.end()
            until(lambda: browser.closed is not None)
        assert (status, errors) == (0, ""), output
        assert browser.state["who"] == "ENDED"
        assert [one["success"] for one in browser.messages("episodes")[-1]["add"]] == [True]
    (done,) = recorded(running.folder)
    flags = done["complementary_info.is_intervention"]
    assert stretches(flags) in ([False, True, False, True], [True, False, True])
    assert not done["action"][~flags][:, :3].any()
    assert 9 <= (~flags[np.argmax(flags) :]).sum() <= 60  # as long as it was let go, about
    assert done["next.reward"][-1] == 1.0


def test_a_browser_that_freezes_has_let_go_and_a_post_stops_the_arm(tmp_path: Path) -> None:
    options = ("--teleop.type=page", PATIENT, "--teleoperate.record=true", "--seed=3")
    with served(tmp_path, "teleoperate", *options) as running, Browser(running.link) as browser:
        browser.until_who("HOLDING")
        browser.take_controls()
        browser.do(pad(RB, leftx=1.0))
        browser.until_who("YOU")
        browser.frozen = True
        browser.until_who("LOST")  # the episode stands still
        begun = browser.state["stage"]["ticks"]
        browser.frozen = False  # still held: it does not count
        until(lambda: running.events("hands_back"))
        browser.until_who("PAUSED")
        assert browser.state["stage"]["ticks"] == begun
        browser.do(pad(leftx=1.0))
        browser.do(pad(RB, leftx=1.0))
        browser.until_who("YOU")
        status, _ = asked(
            running, "POST", "/api/emergency_stop", authorization=f"Bearer {running.token}"
        )
        assert status == 200
        status, output, errors = running.end()
    assert (status, errors) == (1, "")
    assert "emergency stop" in output
    (lost,) = running.events("hands_lost")
    assert lost["cause"] == "the operator at the page is gone: the arm holds"
    (done,) = recorded(running.folder)
    assert np.diff(done["stamp"])[done["after_pause"][1:]].shape == (1,)


def test_beside_another_operator_the_page_has_verdicts_pauses_and_stops(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)
    with (
        served(tmp_path, "train", f"--config_path={config}") as running,
        Browser(running.link) as browser,
    ):
        browser.until(lambda state: state["stage"]["name"] == "train")
        assert (browser.heard[0]["mapping"], browser.heard[0]["dead_man_ms"]) == ({}, None)
        browser.until(lambda state: state["learner"]["updates"] > 0)
        browser.take_controls()
        browser.press("pause")
        browser.until_who("PAUSED")
        ticks = browser.until(lambda state: state["t"] > browser.state["t"] - 1)["stage"]["ticks"]
        time.sleep(0.3)
        assert browser.state["stage"]["ticks"] == ticks
        browser.press("pause")
        browser.until(lambda state: state["stage"]["ticks"] > ticks)
        count = len(running.events("episode"))
        browser.press("failure")
        until(lambda: len(running.events("episode")) > count)
        until(lambda: [one for one in browser.messages("curves") if "return" in one["series"]])
        browser.press("stop")
        status, output, errors = running.end()
    assert (status, errors) == (0, ""), output
    assert "stopped by the operator" in output
    assert running.token not in (running.folder / "config.yaml").read_text()
    assert running.token not in (running.folder / "events.jsonl").read_text()
