"""How the options of ``hil-app teleoperate`` come to its configuration."""

from __future__ import annotations

import pytest

from configs.run import RunConfig
from hil_app.cli import run_command, teleoperate


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ([], None),
        (["--config_path=so101_pick_lift", "--robot.port=/dev/ttyACM0"], None),
        (["--config_path=so101_pick_lift", "--env.control_time_s=7"], 7.0),
    ],
)
def test_an_operator_s_turn_has_no_end_unless_one_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, options: list[str], seconds: float | None
) -> None:
    configs: list[RunConfig] = []
    monkeypatch.setattr(run_command, "teleoperate", lambda config: configs.append(config) or 0)
    assert teleoperate.run(options) == 0
    assert configs[0].env.control_time_s == seconds
