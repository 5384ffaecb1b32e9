"""Learners come back with the cluster of their computer, until they are stopped."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hil_app.remote import actor, keeper, standing
from hil_app.support import tied


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_what_was_started_stands_until_it_is_stopped() -> None:
    standing.forget("nobody")
    assert standing.standing() == {}
    standing.remember("left", {"cpus": 1})
    standing.remember("right", {"cpus": 2})
    standing.remember("left", {"cpus": 3})
    assert standing.standing() == {"left": ["--cpus=3"], "right": ["--cpus=2"]}
    standing.forget("left")
    assert list(standing.standing()) == ["right"]
    standing.forget_all()
    assert standing.standing() == {}


def test_they_are_started_anew_once_ray_is_and_again_until_that_is_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.remember("left", {"name": "left"})
    standing.remember("right", {"name": "right"})
    statuses, calls = iter([1, 1, 0, 2]), []

    def start(command: list[str], _: Path) -> Any:
        calls.append(command[-1])
        return SimpleNamespace(wait=lambda: next(statuses))

    monkeypatch.setattr(tied, "start", start)
    monkeypatch.setattr(keeper, "_RESTS_S", 0.01)
    log = tmp_path / "log"
    log.write_text(f"{keeper.SAYS_READY} an hour ago\n")
    ray: Any = SimpleNamespace(poll=lambda: None)
    args = (ray, log, log.stat().st_size)
    bringing = threading.Thread(target=keeper._bring_back, args=args, daemon=True)
    bringing.start()
    bringing.join(0.3)
    assert calls == []
    with log.open("a") as words:
        words.write(keeper.SAYS_READY)
    bringing.join(10)
    assert calls == ["--name=left"] * 3 + ["--name=right"]
    ray.poll = lambda: 1  # it has ended
    keeper._bring_back(ray, log, log.stat().st_size)
    assert len(calls) == 4


def test_each_computer_of_the_cluster_is_told_and_those_that_are_silent_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray does it: a task at each, one of which does not answer, and one of which fails."""

    def node(number: int, *, alive: bool = True) -> dict[str, Any]:
        return {
            "Alive": alive,
            "NodeManagerAddress": f"10.0.0.{number}",
            "NodeManagerHostname": f"host{number}",
        }

    def at(there: str, forget: Any, name: str) -> str:
        if there != "node:10.0.0.3":
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / there))
            forget(name)
        return there

    def options(forget: Any, resources: dict[str, float], **_: Any) -> Any:
        return SimpleNamespace(remote=lambda name: at(*resources, forget, name))

    def get(there: str) -> None:
        if there == "node:10.0.0.4":
            raise OSError("its disk is full")

    ray: Any = SimpleNamespace(
        nodes=lambda: [node(1), node(2), node(3), node(4), node(5, alive=False)],
        remote=lambda forget: SimpleNamespace(options=lambda **said: options(forget, **said)),
        wait=lambda asked, **_: ([one for one in asked if one != "node:10.0.0.3"], []),
        get=get,
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "node:10.0.0.2"))
    standing.remember("left", {"cpus": 1})
    standing.remember("right", {"cpus": 1})
    assert actor.forget_everywhere(ray, "left") == ["host3", "host4"]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "node:10.0.0.2"))
    assert list(standing.standing()) == ["right"]
