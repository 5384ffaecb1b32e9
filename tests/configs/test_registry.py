"""What is registered can be named, in every place, from then on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Literal

import pytest
from pydantic import Field

from configs.base import Config
from configs.learning.algorithm import ALGORITHMS, RLAlgorithmConfig, SACAlgorithmConfig
from configs.load import ConfigError, dump, load, merge, read, validate
from configs.options.parser import Parser
from configs.registry import OpenConfig, Registry, RegistryError
from configs.reward import REWARDS
from configs.robot import ROBOTS, RobotConfig, SO101Config, SO101SimConfig
from configs.run import RunConfig
from configs.step import STEPS, ActionStepConfig
from configs.task import TASKS, PickLiftConfig, TaskConfig
from configs.teleop import TELEOPS


@pytest.fixture
def robots() -> Iterator[Registry[RobotConfig]]:
    """The robots; what a test registers is forgotten."""
    with ROBOTS.restored():
        yield ROBOTS


def toy(factory: str = "nowhere:Toy") -> type[RobotConfig]:
    @ROBOTS.register(factory, spellings=("toy_follower",))
    class ToyConfig(RobotConfig):
        """A robot of this test."""

        type: Literal["toy"] = "toy"
        """Its name."""
        wheels: int = Field(2, ge=1)
        """Its wheels."""

    return ToyConfig


def test_what_is_registered_late_works_in_files_and_options(
    robots: Registry[RobotConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"^robot\.type: got 'toy', allowed: gymnasium, so100, "):
        validate({"robot": {"type": "toy"}})
    made = toy()
    config = validate({"robot": {"type": "toy", "wheels": 3}})
    assert config == RunConfig(robot=made(wheels=3))
    assert validate({"robot": {"type": "toy_follower"}}).robot == made()
    parser = Parser("hil-app test")
    config, _ = load(parser, ["--robot.type=toy", "--robot.wheels=4"], "sim_pick_lift")
    assert config.robot == made(wheels=4)
    with pytest.raises(SystemExit):
        load(Parser("hil-app test"), ["--help"], "sim_pick_lift")
    shown = " ".join(capsys.readouterr().out.split())
    assert "The robot's name: gymnasium, so100, so100_sim, so101, so101_sim, toy" in shown
    with pytest.raises(ConfigError, match=r"robot\.whels: unknown key \(did you mean wheels\?\)"):
        validate({"robot": {"type": "toy", "whels": 3}})
    assert "toy" in robots


def test_what_was_registered_meanwhile_is_forgotten() -> None:
    with ROBOTS.restored():
        toy()
        assert validate({"robot": {"type": "toy"}}).robot.type == "toy"
    with pytest.raises(ConfigError, match=r"robot\.type: got 'toy'"):
        validate({"robot": {"type": "toy"}})


def test_a_name_is_taken_once(robots: Registry[RobotConfig]) -> None:
    class Other(RobotConfig):
        type: Literal["so101"] = "so101"

    with pytest.raises(RegistryError, match=r"the name so101 is taken by the robot configs\.robot"):
        robots.register("nowhere:x")(Other)
    robots.register("elsewhere:y")(SO101Config)  # the same class may get another factory
    assert robots["so101"].factory == "elsewhere:y"


def test_a_config_class_needs_a_name_and_the_right_base() -> None:
    class Nameless(RobotConfig):
        wheels: int = 1

    class Loose(RobotConfig):
        type: str = "loose"

    class Stranger(Config):
        type: Literal["stranger"] = "stranger"

    for wrong in (Nameless, Loose):
        with pytest.raises(
            RegistryError, match=r'needs a name: `type: Literal\["name"\] = "name"`'
        ):
            ROBOTS.register("nowhere:x")(wrong)
    with pytest.raises(RegistryError, match=r"cannot be a robot: it is no configs\.robot\.RobotCo"):
        ROBOTS.register("nowhere:x")(Stranger)  # type: ignore[arg-type]
    names = ["so101_sim", "so100_sim", "so101", "so100", "gymnasium"]
    assert [entry.name for entry in ROBOTS] == names


def test_an_unknown_name_is_reported_the_names_there_are() -> None:
    with pytest.raises(RegistryError) as refused:
        ROBOTS["so102"]
    assert str(refused.value) == (
        "no robot is called 'so102' (did you mean so101?); available: "
        "gymnasium, so100, so100_sim, so101, so101_sim"
    )
    assert ROBOTS["so101_follower"].config is SO101Config


@pytest.mark.parametrize(
    ("factory", "reported"),
    [
        ("nowhere_at_all:Toy", "nowhere_at_all:Toy is registered, and not there: No module"),
        ("configs.base:Toy", "configs.base:Toy is registered, and not there: module"),
        (None, "the robot 'toy' has a config, and nothing that makes it; available: gymnasium, "),
    ],
)
def test_a_factory_that_is_not_there_is_reported(
    robots: Registry[RobotConfig], factory: str, reported: str
) -> None:
    made = toy(factory)
    with pytest.raises(RegistryError) as refused:
        robots.factory(made())
    assert str(refused.value).startswith(reported)


def test_a_factory_may_be_the_thing_itself(robots: Registry[RobotConfig]) -> None:
    made = toy()
    robots.provide("toy", lambda config: config.wheels)
    assert robots.factory(made(wheels=7))(made(wheels=7)) == 7
    with pytest.raises(RegistryError, match="TwinConfig is not registered as a robot"):
        robots.factory(type("TwinConfig", (made,), {"__module__": __name__})())


def test_all_that_is_ours_has_a_factory() -> None:
    for registry in (ROBOTS, TELEOPS, TASKS, STEPS, REWARDS, ALGORITHMS):
        assert registry in Registry.all
        for entry in registry:
            assert entry.source is None
            values = {"before": "x"} if registry is STEPS else {}
            assert callable(registry.factory(entry.config(**values)))


def test_the_algorithm_is_sac_unless_a_block_says_another() -> None:
    with ALGORITHMS.restored():

        class MineConfig(SACAlgorithmConfig):
            type: Literal["mine"] = "mine"
            speed: float = 1.0

        assert type(validate({"algorithm": {"utd_ratio": 3}}).algorithm) is SACAlgorithmConfig
        mine = validate({"algorithm": {"type": "mine", "speed": 2, "utd_ratio": 3}}).algorithm
        assert mine == MineConfig(speed=2, utd_ratio=3)
        over = merge({"algorithm": {"utd_ratio": 3}}, {"algorithm": {"type": "mine"}})
        assert validate(over).algorithm == MineConfig(utd_ratio=3)
    with pytest.raises(ConfigError, match=r"algorithm\.type: got 'mine', allowed: sac"):
        validate({"algorithm": {"type": "mine"}})


def test_help_is_asked_for_by_critics_or_not_at_all() -> None:
    with ALGORITHMS.restored():

        class UncriticalConfig(RLAlgorithmConfig):
            type: Literal["uncritical"] = "uncritical"

        assert validate({"algorithm": {"type": "uncritical"}}).algorithm == UncriticalConfig()
        with pytest.raises(ConfigError, match="ask_for_help: algorithm uncritical has no critics"):
            validate({"algorithm": {"type": "uncritical"}, "ask_for_help": {"min_value": 0.5}})


def test_a_task_is_named_alone_or_as_a_block_and_read_back() -> None:
    with TASKS.restored():

        @TASKS.register("nowhere:Tower")
        class TowerConfig(TaskConfig):
            type: Literal["tower"] = "tower"
            cubes: int = 2

        config, _ = load(
            Parser("hil-app test"), ["--robot.task=tower", "--robot.task.cubes=3"], "sim_pick_lift"
        )
        assert isinstance(config.robot, SO101SimConfig)
        assert config.robot.task == TowerConfig(cubes=3)
        assert validate({"robot": {"type": "so101_sim", "task": "tower"}}).robot.task.cubes == 2  # type: ignore[attr-defined]
        assert "task:\n    type: tower\n    cubes: 3\n" in dump(config)
    usual = validate(read("sim_pick_lift"))
    assert usual.robot == SO101SimConfig(task=PickLiftConfig())
    assert "  task: pick_lift\n" in dump(usual)


def test_a_list_of_steps_takes_what_is_registered() -> None:
    with STEPS.restored():

        @STEPS.register("nowhere:slow")
        class SlowConfig(ActionStepConfig):
            type: Literal["slow"] = "slow"
            max_step: float = 1.0

        step = {"type": "slow", "before": "gripper"}
        assert validate({"processor": {"steps": [step]}}).processor.steps == [
            SlowConfig(before="gripper")
        ]
        for places in ({}, {"before": "a", "after": "b"}):
            with pytest.raises(ConfigError, match=r"processor\.steps\.0: set either before or aft"):
                validate({"processor": {"steps": [{"type": "slow", **places}]}})
        with pytest.raises(ConfigError, match=r"steps\.0\.max_stp: unknown key \(did you mean max"):
            validate({"processor": {"steps": [{**step, "max_stp": 1}]}})
        with pytest.raises(ConfigError, match=r"steps\.0\.type: got 'slo' \(did you mean slow\?\)"):
            validate({"processor": {"steps": [{**step, "type": "slo"}]}})


def test_models_of_others_take_what_is_registered_too(robots: Registry[RobotConfig]) -> None:
    class Garage(OpenConfig):
        robots: Annotated[list[RobotConfig], "many"]
        spare: RobotConfig | None = None

    class LargeGarage(Garage):
        pass

    made = toy()
    for model in (Garage, LargeGarage):
        garage = model.model_validate({"robots": [{"type": "toy"}], "spare": {"type": "toy"}})
        assert [*garage.robots, garage.spare] == [made(), made()]
        assert "many" in model.model_fields["robots"].metadata
    assert robots


def test_hil_app_plugins_lists_what_is_registered_on_80_columns() -> None:
    command = [sys.executable, "-m", "hil_app", "plugins"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    kinds = {line for line in lines if not line.startswith(" ")}
    assert kinds == {"algorithms", "rewards", "robots", "steps", "tasks", "teleoperators"}
    named = {line.split()[0] for line in lines if line.startswith("  ")}
    assert named >= {"sac", "so101", "gamepad", "pick_lift", "sparse", "leader_tip"}
