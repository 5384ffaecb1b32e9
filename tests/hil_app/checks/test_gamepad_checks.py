"""What `hil-app doctor` says of gamepads, and of the device that a run names."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from configs.manual import GamepadConfig, GamepadHIDConfig, KeyboardConfig
from configs.page import PageTeleopConfig
from hil_app.checks import gamepads, probe
from hil_app.checks.finding import Finding
from hil_app.checks.probe import ProbeOutcome
from teleop.gamepad import sdl
from teleop.virtual.pad import Model, VirtualPad

TOLD = {
    "sdl": {"pad": "Xbox Wireless Controller", "known": True},
    "joystick": {"pad": "Twin Stick", "known": False},
    "unreadable": {"unreadable": "Blue Pad", "node": "/dev/input/event7"},
    "hid": {"hid": "Wireless Controller (054c:09cc)", "rule": None},
    "refused": {"hid": "Wireless Controller (054c:09cc)", "rule": "sudo this"},
    "error": {"error": "The mapping is damaged: delete it"},
}


def answer(monkeypatch: pytest.MonkeyPatch, *answers: Any, crash: str | None = None) -> None:
    monkeypatch.setattr(gamepads, "join_group", lambda node: f"join the group of {node}")
    monkeypatch.setattr(gamepads, "probe", lambda *_: ProbeOutcome(list(answers), crash))


def found(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[Finding]:
    answer(monkeypatch, *(TOLD[name] for name in names))
    return list(gamepads.gamepads())


def test_without_a_gamepad_all_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch) == [Finding("ok", "no gamepad is connected")]


def test_without_the_gamepad_that_a_run_needs_nothing_is_fine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(monkeypatch)
    assert list(gamepads.gamepads(needed=True)) == []


@pytest.mark.parametrize(
    ("name", "mark", "fact", "remedy"),
    [
        ("sdl", "ok", "Xbox Wireless Controller", ""),
        (
            "joystick",
            "note",
            "Twin Stick: SDL does not know what its buttons are",
            "assign them once: hil-app gamepad setup",
        ),
        (
            "unreadable",
            "note",
            "Blue Pad is plugged in, but /dev/input/event7 may not be read",
            "join the group of /dev/input/event7",
        ),
        ("hid", "ok", "Wireless Controller (054c:09cc), for teleop.type gamepad_hid too", ""),
        (
            "refused",
            "note",
            "Wireless Controller (054c:09cc): teleop.type gamepad_hid may not use it",
            "sudo this",
        ),
        ("error", "note", "The mapping is damaged", "delete it"),
    ],
)
def test_each_pad_is_a_line_with_its_remedy(
    name: str, mark: Any, fact: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(monkeypatch, name) == [Finding(mark, fact, remedy)]


def test_whom_sdl_serves_needs_no_permission_for_hid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.mark for finding in found(monkeypatch, "sdl", "refused")] == ["ok"]
    assert [finding.mark for finding in found(monkeypatch, "joystick", "refused")] == ["note"] * 2


def test_a_look_that_crashes_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, crash="it was killed by signal 11")
    (finding,) = gamepads.gamepads()
    assert (finding.mark, finding.fact) == (
        "note",
        "gamepads cannot be looked for: it was killed by signal 11",
    )
    assert "pip install" in finding.remedy


@pytest.mark.parametrize("config", [GamepadConfig(), GamepadHIDConfig()])
def test_the_pad_that_a_run_names_must_be_usable(
    config: GamepadConfig | GamepadHIDConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, {"name": "Blue Pad"})
    assert list(gamepads.teleop(config)) == [Finding("ok", "the operator takes over with Blue Pad")]
    answer(monkeypatch, {"error": "No gamepad is plugged in: plug one in"})
    wrong = Finding("problem", "No gamepad is plugged in", "plug one in")
    assert list(gamepads.teleop(config)) == [wrong]
    answer(monkeypatch, crash="no end within 30 s")
    (finding,) = gamepads.teleop(config)
    assert finding.mark == "problem"
    assert finding.fact.endswith("no end within 30 s")


def test_a_browser_keys_and_a_virtual_pad_need_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamepads, "probe", None)
    facts = [
        finding.fact
        for config in (PageTeleopConfig(), KeyboardConfig(), GamepadConfig(virtual=Path("socket")))
        for finding in gamepads.teleop(config)
    ]
    assert facts == [
        "the operator takes over in the browser that has the page",
        "the operator takes over with the keys, while the window has the focus",
        "a virtual gamepad takes over",
    ]


# The probe itself


def test_the_probe_lists_what_sdl_sees_and_leaves_nothing_behind() -> None:
    with sdl.gamepads(), VirtualPad() as pad, VirtualPad(Model("Twin Stick", axes=2, buttons=3)):
        reported = list(probe._of_sdl())
        assert pad.index is not None
    assert {"pad": "Twin Stick", "known": False} in reported
    assert [one["known"] for one in reported if one.get("pad") != "Twin Stick"][:1] == [True]
    assert not sdl.pygame.joystick.get_init()
    assert "SDL_VIDEODRIVER" not in os.environ


def test_the_probe_lists_known_hid_pads_and_the_rule_for_those_that_are_forbidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pads = [
        {"product_string": "Mine", "path": b"DevSrvsID:1", "product_id": 0xC219},
        {"product_string": "Forbidden", "path": b"/dev/hidraw-of-nobody", "product_id": 0xC216},
        {"product_string": "Strange", "path": b"/dev/hidraw2", "product_id": 0x0001},
    ]
    usage = {"vendor_id": 0x046D, "usage_page": 1, "usage": 5, "interface_number": 0}
    library = SimpleNamespace(device=None, enumerate=lambda: [usage | pad for pad in pads])
    for name in ("hid", "hidraw"):
        monkeypatch.setitem(sys.modules, name, library)
    mine, forbidden = probe._of_hid()
    assert mine == {"hid": "Mine (046d:c219)", "rule": None}
    assert forbidden["hid"] == "Forbidden (046d:c216)"
    assert 'KERNELS=="*:046D:C216.*"' in forbidden["rule"]


def test_the_probe_tells_what_is_wrong_with_a_pad_that_is_named() -> None:
    for config in (GamepadConfig(pad="no such pad"), GamepadHIDConfig(pad="1234:5678")):
        outcome = probe.probe("gamepad", config.model_dump_json())
        assert outcome.crash is None
        (reported,) = outcome.answers
        assert "o gamepad" in reported["error"]


def test_the_probe_knows_devices_that_are_no_pads_of_this_computer() -> None:
    outcome = probe.probe("gamepad", PageTeleopConfig().model_dump_json())
    assert (outcome.answers, outcome.crash) == ([{"name": "the operator at the page"}], None)


def test_the_probe_uses_a_pad_as_a_run_does(tmp_path: Path) -> None:
    config = GamepadConfig(virtual=tmp_path / "pad")
    (reported,) = probe._gamepad(config.model_dump_json())
    assert json.dumps(reported).startswith('{"name": ')
    assert list(tmp_path.iterdir()) == []


def test_the_probe_answers_even_if_one_way_of_looking_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hil-app"
    folder.mkdir()
    (folder / "gamepads.txt").write_text("nonsense\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    outcome = probe.probe("gamepads")
    assert outcome.crash is None
    assert "gamepads.txt, line 1" in outcome.answers[0]["error"]
