"""The composite: order, timing, and the note on an exception."""

import time

import pytest

from processors.base import Pipeline


def test_steps_run_in_their_order() -> None:
    steps = Pipeline("spelling", {name: lambda word, n=name: word + n for name in "abc"})
    assert steps("") == "abc"
    assert steps("x") == "xabc"
    assert [name for name, _ in steps.steps] == ["a", "b", "c"]


def test_no_steps_change_nothing() -> None:
    assert Pipeline("empty", {})(7) == 7


def test_the_time_of_every_step_is_recorded_anew_in_each_call() -> None:
    def slow(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    steps = Pipeline("clock", {"first": slow, "quick": lambda value: value, "last": slow})
    assert steps.seconds == {"first": 0.0, "quick": 0.0, "last": 0.0}
    steps(0.02)
    assert list(steps.seconds) == ["first", "quick", "last"]
    assert steps.seconds["first"] >= 0.02
    assert steps.seconds["last"] >= 0.02
    assert 0 < steps.seconds["quick"] < 0.02
    steps(0.0)
    assert steps.seconds["first"] < 0.02


def test_an_exception_names_step_and_pipeline() -> None:
    steps = Pipeline("arithmetic", {"double": lambda n: n * 2, "invert": lambda n: 1 / n})
    with pytest.raises(ZeroDivisionError) as caught:
        steps(0)
    assert caught.value.__notes__ == ["in step 'invert' of the arithmetic pipeline"]
    assert str(caught.value) == "division by zero"  # the message itself is left alone
    assert steps(4) == 1 / 8  # and the pipeline goes on


def test_nested_pipelines_name_each_level() -> None:
    inner = Pipeline("inner", {"invert": lambda n: 1 / n})
    with pytest.raises(ZeroDivisionError) as caught:
        Pipeline("outer", {"nest": inner})(0)
    assert caught.value.__notes__ == [
        "in step 'invert' of the inner pipeline",
        "in step 'nest' of the outer pipeline",
    ]
