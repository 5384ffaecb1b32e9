"""Steps stand where their configs say, and nothing else moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.base import ConfigError
from configs.load import validate
from configs.processor import ProcessorConfig
from configs.step import STEPS, ActionStepConfig, EnvStepConfig, StepConfig
from configs.teleop import SO101LeaderConfig
from hil_app.build.assembly import Assembly
from hil_app.build.steps import with_steps

USUAL = {"first": lambda it: it, "second": lambda it: it, "third": lambda it: it}
Make = Callable[..., StepConfig]


class MarkConfig(ActionStepConfig):
    """A step of this test."""

    type: Literal["mark"] = "mark"
    """What it does."""


class OtherMarkConfig(EnvStepConfig):
    """A step of this test."""

    type: Literal["other_mark"] = "other_mark"
    """What it does."""


@pytest.fixture(scope="module", autouse=True)
def marks() -> Iterator[None]:
    def made(config: StepConfig, **context: Any) -> Callable[[Any], Any]:
        return lambda it: (config.called, sorted(context), it)

    with STEPS.restored():
        for config in (MarkConfig, OtherMarkConfig):
            STEPS.register(made)(config)
        yield


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([*USUAL])), max_size=5))
def test_each_stands_next_to_the_step_it_names(places: list[tuple[bool, str]]) -> None:
    more = [
        MarkConfig(name=f"mark {number}", **{"before" if before else "after": place})
        for number, (before, place) in enumerate(places)
    ]
    found = with_steps(USUAL, more, "action")
    assert [name for name in found if name in USUAL] == [*USUAL]
    assert all(found[name] is step for name, step in USUAL.items())
    assert len(found) == len(USUAL) + len(more)
    names = [*found]
    for number, (before, place) in enumerate(places):
        here, there = names.index(f"mark {number}"), names.index(place)
        between = names[min(here, there) + 1 : max(here, there)]
        assert (here < there) == before
        assert all(name.startswith("mark") for name in between)


def test_it_is_made_in_the_context_and_called_by_its_type() -> None:
    found = with_steps(USUAL, [MarkConfig(after="third")], "action", spec=1, env=2)
    assert [*found] == ["first", "second", "third", "mark"]
    assert found["mark"](7) == ("mark", ["env", "spec"], 7)


def test_those_of_the_other_pipeline_are_left_to_it() -> None:
    more = [MarkConfig(before="first"), OtherMarkConfig(before="first")]
    assert [*with_steps(USUAL, more, "action")] == ["mark", *USUAL]
    assert [*with_steps(USUAL, more, "env")] == ["other_mark", *USUAL]


@pytest.mark.parametrize(
    ("config", "reported"),
    [
        (
            MarkConfig(before="secnd"),
            "processor.steps: mark is to stand next to 'secnd' (did you mean second?); action "
            "steps: first, second, third",
        ),
        (
            MarkConfig(name="first", after="third"),
            "processor.steps: the action steps have a first: name yours apart",
        ),
    ],
)
def test_a_place_that_is_not_there_and_a_name_that_is_are_reported(
    config: Any, reported: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        with_steps(USUAL, [config], "action")
    assert str(refused.value) == reported


def test_a_run_has_them_in_its_pipelines() -> None:
    steps = [
        {"type": "mark", "name": "mine", "before": "workspace bounds"},
        {"type": "other_mark", "after": "reward"},
    ]
    parts = Assembly(validate({"processor": {"steps": steps}}))
    actions, env = [*parts.action_steps()], [*parts.env_steps()]
    assert actions[actions.index("mine") + 1] == "workspace bounds"
    assert env[env.index("reward") + 1] == "other_mark"
    shown = parts.action_steps()["mine"](0)
    assert shown[1] == ["env", "kinematics", "processor", "spec", "truth", "wrist"]


@pytest.mark.parametrize("control", ["end_effector", "joints"])
def test_a_leader_needs_an_arm_with_a_model(control: Any) -> None:
    leader = SO101LeaderConfig(control=control)
    context = {"kinematics": None, "processor": ProcessorConfig(), "wrist": None}
    with pytest.raises(ConfigError, match="a leader moves an arm that has a model, and this robot"):
        with_steps(USUAL, leader.steps, "action", **context)
