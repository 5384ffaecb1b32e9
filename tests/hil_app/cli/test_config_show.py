"""``hil-app config show --explain`` says what each value is for, and where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.load import presets
from hil_app.cli.config.show import run


def explained(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert run(["--explain", *argv]) == 0
    return capsys.readouterr().out


def origin(text: str, line: str) -> str:
    """Where the value of a line comes from."""
    (found,) = [one for one in text.splitlines() if one.startswith(f"{line}  # ")]
    return found.partition("  # ")[2]


def test_every_value_has_its_origin(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--env.fps=20", "--teleop.type=gamepad", "--robot.safety={max_load: 70}")
    text = explained(capsys, "--config_path=so101_pick_lift", *options)
    assert origin(text, "  fps: 20.0") == "command line"
    assert origin(text, "  type: gamepad") == "command line"
    assert origin(text, "  take_over: hold") == "default"
    assert origin(text, "    max_load: 70.0") == "command line"
    assert origin(text, "    max_speed: 120.0") == "default"
    assert origin(text, "  type: so101") == "preset so101_pick_lift"
    assert origin(text, "  step_size: [0.007, 0.007, 0.007]") == "preset so101_pick_lift"
    assert origin(text, "  port: /dev/ttyACM0") == "default"
    assert "  # Serial port of the arm; `hil-app find-port` finds it.\n  port: " in text


def test_a_file_is_named_and_a_task_may_be_its_name_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text('robot: {type: so101_sim, task: reach}\noutput_dir: "one\\ntwo"\n')
    text = explained(capsys, f"--config_path={mine}")
    assert origin(text, "    type: reach") == f"file {mine}"
    assert origin(text, 'output_dir: "one\\ntwo"') == f"file {mine}"
    assert origin(text, "  fps: 10.0") == "default"


@pytest.mark.parametrize("preset", presets())
def test_what_is_explained_is_the_same_configuration(
    preset: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = (f"--config_path={preset}", "--eval.episodes=3")
    saved = tmp_path / "saved.yaml"
    saved.write_text(explained(capsys, *options))
    assert max(len(line) for line in saved.read_text().splitlines() if " # " in line[:8]) <= 80
    assert run([f"--config_path={saved}"]) == 0
    again = capsys.readouterr().out
    assert run(options) == 0
    assert again == capsys.readouterr().out
