"""How the wrist is turned on and off, and what is refused, in one line each."""

import pytest

from configs.load import ConfigError, Parser, dump, load
from configs.processor import WristConfig


def loaded(*argv):
    return load(Parser(prog="hil-app"), argv, lambda _: "sim_pick_lift")[0]


def test_it_is_off_until_one_of_its_options_is_given(tmp_path):
    assert loaded().processor.wrist is None
    config = loaded("--processor.wrist.roll_step=7", "--processor.wrist.pitch=[-5, 30]")
    assert config.processor.wrist == WristConfig(roll_step=7, pitch=(-5, 30))
    file = tmp_path / "mine.yaml"
    file.write_text(dump(config))
    assert loaded("--config_path", str(file)) == config
    off = loaded("--config_path", str(file), "--processor.wrist=null")
    assert off.processor.wrist is None
    file.write_text("processor: {wrist: {}}\n")
    assert loaded("--config_path", str(file)).processor.wrist == WristConfig()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--processor.wrist.pitch_step=0"], "processor.wrist.pitch_step: input should be greater"),
        (["--processor.wrist.roll_step=-1"], "processor.wrist.roll_step: input should be greater"),
        (["--processor.wrist.max_error=0"], "processor.wrist.max_error: input should be greater"),
        (["--processor.wrist.pitch=[30, 30]"], "pitch needs its lowest before its highest"),
        (["--processor.wrist.pitch=[-200, 0]"], "within -180 to 180: got (-200.0, 0.0)"),
        (["--processor.wrist.roll=3"], "processor.wrist.roll: unknown key (did you mean roll_step"),
        (
            ["--processor.wrist.roll_step=40"],
            "wrist.roll_step (40 deg) must not be above inverse_kinematics.max_joint_step (35 deg)",
        ),
    ],
)
def test_a_wrist_that_cannot_be_is_refused_in_one_line(options, message):
    with pytest.raises(ConfigError) as refused:
        loaded(*options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
