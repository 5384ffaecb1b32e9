"""The operator's page in a configuration."""

from __future__ import annotations

import pytest

from configs.base import ConfigError
from configs.load import Parser, load
from configs.options.parser import OPEN
from configs.page import PageConfig, PageTeleopConfig
from configs.run import RunConfig

PAGE = ("--teleop.type=page", "--env.paced=true", "--learner.mode=background")


def config(*options: str) -> RunConfig:
    parser = Parser("test")
    parser.add_config_flag(*OPEN)
    return load(parser, options, "sim_pick_lift")[0]


@pytest.mark.parametrize(
    ("options", "page"),
    [
        ((), {}),
        (("--page=true",), {"enabled": True}),
        (("--page=false",), {"enabled": False}),
        (("--page.port=9000", "--page=true"), {"enabled": True, "port": 9000}),
        (("--open",), {"open": True}),
        (("--page={host: 0.0.0.0}",), {"host": "0.0.0.0"}),
    ],
)
def test_the_block_may_be_a_truth_alone(options: tuple[str, ...], page: dict[str, object]) -> None:
    assert config(*options).page == PageConfig.model_validate(page)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--page=3", "page: "),
        ("--page.port=0", "page.port: "),
        ("--page.token=short", "page.token: "),
        ("--page.token=with a space in the mid", "page.token: "),
        ("--page.host=", "page.host: "),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(option: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(option)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_who_drives_from_the_page_needs_one() -> None:
    assert isinstance(config(*PAGE).teleop, PageTeleopConfig)
    with pytest.raises(ConfigError, match=r"page\.enabled: the operator drives from the page"):
        config(*PAGE, "--page=false")


def test_each_deed_has_a_pad_s_control_and_a_key() -> None:
    teleop = PageTeleopConfig()
    for wrist in (False, True):
        teleop.check_controls(wrist=wrist)
        for deed, used in teleop.layout(wrist=wrist).items():
            names = [control for _, control in used]
            assert any(name.startswith("key") for name in names), deed
    held = [control for _, control in teleop.layout(wrist=False)["take_over"]]
    assert held == ["rightshoulder", "keyleftshift", "touchhold"]


def test_a_stick_on_the_screen_cannot_be_pressed() -> None:
    with pytest.raises(ConfigError, match="a stick cannot be pressed"):
        config(*PAGE, "--teleop.controls.success=touchleftx")


def test_a_run_that_goes_on_may_change_its_page() -> None:
    assert RunConfig().may_change(("page", "port"))
