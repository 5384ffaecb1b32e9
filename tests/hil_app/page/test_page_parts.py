"""The parts of the page, each alone: the wire, the guard, curves, browsers, addresses."""

from __future__ import annotations

import ast
import json
import math
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
import numpy as np
import pytest

from configs.base import ConfigError
from configs.page import PageConfig
from hil_app.control.monitor import Monitor
from hil_app.control.outcomes import TRAIN, Episode, Finished
from hil_app.events import EpisodeEnded, PageLost
from hil_app.page import history
from hil_app.page.guard import WRONG, Hosts, Tokens
from hil_app.page.history import Curves, EventHistory
from hil_app.page.shown import text_of
from hil_app.page.viewers import Viewers
from hil_app.page.wire import Downstream, Upstream, WireError
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.address import Address

ROOT = Path(__file__).parents[3]
SERVER = {"starlette", "uvicorn", "websockets"}
ENDED: dict[str, Any] = {
    "seed": 7,
    "ticks": 10,
    "reward": 0.5,
    "success": True,
    "intervention_ticks": 4,
    "takeovers": 1,
    "rerecord": False,
    "stop": False,
    "emergency_stop": False,
    "terminated": True,
}


@pytest.fixture
def ends() -> Iterator[tuple[Downstream, Upstream, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Downstream(ours), Upstream(theirs), theirs


def test_an_image_goes_over_the_wire_as_it_is(
    ends: tuple[Downstream, Upstream, socket.socket],
) -> None:
    down, up, _ = ends
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)[:, ::-1]
    down.put({"camera": 1, "shape": image.shape}, image)
    down.put({"state": {"t": 1.5}})
    down.flush()
    message, came = up.receive()
    assert message["camera"] == 1
    np.testing.assert_array_equal(came, image)
    assert up.receive() == ({"state": {"t": 1.5}}, None)


def test_a_page_that_reads_nothing_does_not_hold_up_the_run(
    ends: tuple[Downstream, Upstream, socket.socket],
) -> None:
    down, up, _ = ends
    large = np.full((1000, 1000, 3), 9, np.uint8)
    down.put({"camera": 0, "shape": large.shape}, large)
    down.flush()
    assert not down.idle
    down.flush()
    assert list(down.receive()) == []
    up.send({"press": "stop"})
    assert list(down.receive()) == [{"press": "stop"}]


def test_a_run_that_reads_nothing_is_given_up(
    ends: tuple[Downstream, Upstream, socket.socket],
) -> None:
    _, up, _ = ends

    def go_on() -> None:
        for _ in range(1000):
            up.send({"input": "x" * 2000})

    with pytest.raises(WireError, match="takes nothing"):
        go_on()


@pytest.mark.parametrize("said", [b"\xc1", msgpack.packb([1]), msgpack.packb("x")])
def test_what_is_no_message_is_told(
    said: bytes, ends: tuple[Downstream, Upstream, socket.socket]
) -> None:
    down, _, theirs = ends
    theirs.send(said + b"\xc1")
    with pytest.raises(WireError, match="what is no message"):
        list(down.receive())


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8080", True),
        ("127.0.0.1", True),
        ("localhost:1", True),
        ("[::1]:8080", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1:8080@evil.example", False),
        ("evil.example#127.0.0.1", False),
        ("192.168.0.7:8080", False),
        ("", False),
        (None, False),
        ("127.0.0.1:x", False),
        ("[::1", False),
    ],
)
def test_a_page_for_this_computer_has_its_names_only(host: str | None, known: bool) -> None:
    assert Hosts("127.0.0.1").know(host) is known


def test_a_page_for_the_network_is_reached_by_address_or_this_computer_s_name() -> None:
    hosts = Hosts("0.0.0.0")
    assert hosts.know("192.168.0.7:8080")
    assert hosts.know(f"{socket.gethostname()}:8080")
    assert not hosts.know("evil.example:8080")


def test_wrong_tokens_are_counted_by_address() -> None:
    tokens = Tokens("a" * 32)
    assert not tokens.right("\ud800" * 32)  # which JSON may bring, and no encoding has
    assert tokens.right("a" * 32)
    for given in ("", "a" * 31, "ä" * 32, None, 3, ["a"]):
        assert not tokens.right(given)
    for _ in range(WRONG):
        assert not tokens.refuses("10.0.0.1")
        tokens.count_wrong("10.0.0.1")
    assert tokens.refuses("10.0.0.1")
    assert not tokens.refuses("10.0.0.2")


def monitor(rewards: list[float]) -> Monitor:
    """A training whose episodes of 10 ticks had these returns."""
    made = Monitor()
    rate = SimpleNamespace(statistics=lambda _: None)
    stage = made.begin(TRAIN, 100, "ticks", SimpleNamespace(rate=rate))  # type: ignore[arg-type]
    for number, reward in enumerate(rewards, 1):
        episode = Episode(**{**ENDED, "reward": reward, "success": reward > 0})
        stage.finished.append(Finished(episode, 10 * number))
    return made


def test_curves_have_a_point_an_episode_and_no_more() -> None:
    curves = Curves(monitor([0.0, 1.0]), None)
    curves.look()
    first = curves.take()
    assert first is not None
    assert first["series"]["success_recent"] == [[10, 0.0], [20, 0.5]]
    assert first["series"]["return"] == [[10, 0.0], [20, 1.0]]
    assert first["series"]["interventions"] == [[10, 0.4], [20, 0.4]]
    curves.look()
    assert curves.take() is None
    assert curves.take(whole=True) == {"from": 0, "series": first["series"]}


def test_a_long_curve_is_thinned_and_sent_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_POINTS", 8)
    curves = Curves(monitor([float(number) for number in range(9)]), None)
    curves.look()
    sent = curves.take()
    assert sent is not None
    assert sent["from"] == 0
    assert sent["series"]["return"] == [[10 * n + 10, float(n)] for n in range(0, 9, 2)]


def test_what_is_no_number_is_no_point_and_no_json() -> None:
    curves = Curves(monitor([math.nan]), None)
    curves.look()
    assert "return" not in curves.series
    assert json.loads(text_of("state", q=math.inf, more=[math.nan, 1.0])) == {
        "type": "state",
        "q": None,
        "more": [None, 1.0],
    }


def test_episodes_and_what_people_are_told_are_kept() -> None:
    history = EventHistory()
    history.hear(EpisodeEnded(stage=TRAIN, **ENDED))
    history.hear(PageLost(cause="gone"))
    (episode,), (event,) = history.look()
    assert (episode["number"], episode["stage"], episode["success"]) == (1, TRAIN, True)
    assert event == {"problem": True, "name": "page_lost", "message": "gone"}
    assert history.look() == ([], [])


def test_the_run_is_asked_for_an_image_once_somebody_waits() -> None:
    asked: list[dict[str, Any]] = []
    viewers = Viewers(2, asked.append)

    def wanted() -> list[list[int]]:
        return [message["want"] for message in asked if "want" in message]

    first, second = viewers.come(), viewers.come()
    assert wanted() == [[0, 1]]
    viewers.take({"camera": 1, "age": 0.0}, np.zeros((4, 4, 3), np.uint8))
    assert (first.due_image(), first.due_image(), second.due_image()) == (1, None, 1)
    viewers.hear(first, {"type": "drawn", "camera": 1})
    viewers.hear(second, {"type": "drawn", "camera": 1})
    assert wanted() == [[0, 1], [1]]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"type": "drawn", "camera": 2},
        {"type": "drawn", "camera": "0"},
        {"type": "controls"},
        {"type": "press", "what": "explode"},
        {"type": ["press"]},
    ],
)
def test_a_browser_that_makes_no_sense_is_told_so(said: dict[str, Any]) -> None:
    viewers = Viewers(2, lambda _: None)
    with pytest.raises(ValueError, match="no such message"):
        viewers.hear(viewers.come(), said)


def test_a_port_that_is_taken_is_a_line_if_named_and_else_the_next() -> None:
    with Address("127.0.0.1", None) as first, Address("127.0.0.1", None) as second:
        assert first.port != second.port
        with (
            pytest.raises(ConfigError, match=rf"page\.port: {first.port} is taken"),
            Address("127.0.0.1", first.port),
        ):
            pass
    with pytest.raises(ConfigError, match=r"page\.host: "), Address("no.such.host.invalid", 8080):
        pass


def test_the_link_has_a_token_of_its_own_or_the_one_given() -> None:
    with PagePlace(PageConfig()) as first, PagePlace(PageConfig()) as second:
        assert first.link.startswith(f"http://127.0.0.1:{first.address.port}/#token=")
        assert first.token != second.token
        assert len(first.token) == 32
    with PagePlace(PageConfig(token="m" * 20)) as own:
        assert own.link.endswith(f"/#token={'m' * 20}")


def test_a_certificate_that_is_none_is_refused_before_anything_is_served(tmp_path: Any) -> None:
    wrong = tmp_path / "robot.pem"
    for content in (None, "no certificate"):
        if content is not None:
            wrong.write_text(content)
        with (
            pytest.raises(ConfigError, match=r"page\.certificate: .*robot.pem cannot be used"),
            PagePlace(PageConfig(certificate=wrong)),
        ):
            pass


def test_a_run_loads_no_web_server() -> None:
    """Only the processes of pages do, and benchmarks that play a browser."""
    found = set()
    for path in sorted((ROOT / "hil_app").rglob("*.py")):
        if SERVER & top_imports(path) and "home" not in path.parts:
            found.add(str(path.relative_to(ROOT / "hil_app")))
    assert found == {
        "bench/page/viewer.py",
        "page/app.py",
        "page/guard.py",
        "page/serving.py",
        "page/site.py",
    }


def top_imports(path: Path) -> set[str]:
    """The packages that a module's source imports anywhere."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
