"""The teleoperators that a run can be given, and what is said of those it cannot."""

from __future__ import annotations

import os
import pty
from pathlib import Path
from typing import Any

import pytest

from configs.load import ConfigError, Parser, load, validate
from configs.run import RunConfig
from configs.teleop import ScriptedTeleopConfig, SO100LeaderConfig, SO101LeaderConfig
from configs.text.paths import same_device

REAL = {
    "robot": {"type": "so101", "port": "/nowhere"},
    "env": {"paced": True},
    "processor": {"observation": {"object": None}},
}


def loaded(*options: str) -> Any:
    return load(Parser(prog="hil-app train"), options, "so101_pick_lift")[0].teleop


def test_a_leader_is_chosen_by_the_name_that_lerobot_gives_it() -> None:
    options = ("--teleop.type=so101_leader", "--teleop.port=/dev/ttyACM7", "--teleop.id=blue")
    assert loaded(*options) == SO101LeaderConfig(port="/dev/ttyACM7", id="blue")
    assert loaded("--teleop.type=so100_leader") == SO100LeaderConfig()
    assert loaded("--teleop.type=so100_leader", "--teleop.control=joints").control == "joints"


def test_the_help_has_every_teleoperator_and_the_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        loaded("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "--teleop.type=scripted The teleoperator's name: gamepad, gamepad_hid, keyboard, page, "
        "scripted, so100_leader, so101_leader" in shown
    )


@pytest.mark.parametrize(
    ("option", "reported"),
    [
        ("--teleop.type=banana", "teleop.type: got 'banana', allowed: gamepad, gamepad_hid, "),
        ("--teleop.contorl=joints", "teleop.contorl: unknown key (did you mean control?)"),
        ("--teleop.follow_torque=200", "teleop.follow_torque: input should be less than or equal"),
        (
            "--teleop.noise=0.1",
            "teleop.noise: unknown key (teleop.type=scripted has it); available: ",
        ),
    ],
)
def test_a_wrong_option_is_reported_in_a_line(option: str, reported: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded("--teleop.type=so101_leader", option)
    assert str(refused.value).startswith(reported)


def test_a_block_without_a_type_is_reported_the_types_there_are() -> None:
    with pytest.raises(ConfigError, match=r"^teleop\.type: missing, allowed: gamepad, gamepad_hid"):
        validate({"teleop": {"noise": 0.1}})


def test_a_leader_has_a_port_of_its_own() -> None:
    leader = {"type": "so101_leader", "port": "/nowhere"}
    with pytest.raises(ConfigError, match=r"teleop\.port: /nowhere is the arm's own port"):
        validate({**REAL, "teleop": leader})
    assert SO101LeaderConfig().port != validate(REAL | {"robot": {"type": "so101"}}).robot.port


def test_a_leader_lives_in_real_time_even_with_a_simulated_arm() -> None:
    leader = {"type": "so101_leader"}
    with pytest.raises(ConfigError, match=r"env\.paced: an operator acts in real time"):
        validate({"teleop": leader, "env": {"paced": False}})
    validate({"teleop": leader, "env": {"paced": True}})


def test_a_leader_s_deadman_waits_for_more_than_a_tick() -> None:
    leader = {"type": "so101_leader", "deadman_s": 1}
    assert validate({"teleop": leader, "env": {"paced": True, "fps": 2}}).teleop.deadman_s == 1
    with pytest.raises(ConfigError, match=r"teleop\.deadman_s: 1 s are over before the next tick"):
        validate({"teleop": leader, "env": {"paced": True, "fps": 1}})


def test_one_device_by_two_names_is_one_device(tmp_path: Path) -> None:
    device = os.ttyname(pty.openpty()[1])
    link, other = tmp_path / "by-id", tmp_path / "again"
    link.symlink_to(device)
    other.symlink_to(link)
    for one, two in ((link, device), (other, link), (device, f"/dev/../{device}")):
        assert same_device(str(one), str(two))
        with pytest.raises(ConfigError, match=r"teleop.port: .* is the arm's own port"):
            loaded(f"--robot.port={two}", f"--teleop.port={one}", "--teleop.type=so101_leader")
    for one, two in ((link, "/dev/null"), (device, tmp_path / "none"), ("a\0b", device)):
        assert not same_device(str(one), str(two))


def test_ticks_of_older_files_are_read_at_their_rate() -> None:
    take_over = {"free_ticks": 60, "stall_ticks": 45, "reaction_ticks": 9, "max_ticks": 30}
    teleop = {"type": "scripted", "mistake_ticks": 12, "intervention": take_over}
    older = RunConfig.model_validate({"teleop": teleop, "env": {"fps": 30}}).teleop
    assert older == ScriptedTeleopConfig()
    usual = RunConfig.model_validate({"teleop": {**teleop, "mistake_ticks": 4}}).teleop
    assert isinstance(usual, ScriptedTeleopConfig)
    assert (usual.mistake_s, usual.intervention.free_s) == (0.4, 6.0)
