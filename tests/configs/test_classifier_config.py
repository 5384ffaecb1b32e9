"""The run's config of a success classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from configs.load import ConfigError, dump, read, validate


def with_classifier(**content: Any) -> dict[str, Any]:
    return {"processor": {"success_classifier": content}}


def test_there_is_none_unless_one_is_named() -> None:
    assert validate({}).processor.success_classifier is None
    found = validate(with_classifier(checkpoint="some/where")).processor.success_classifier
    assert found is not None
    assert (found.checkpoint, found.threshold, found.ticks) == (Path("some/where"), None, 2)


def test_it_survives_being_saved(tmp_path: Path) -> None:
    config = validate(with_classifier(checkpoint="some/where", threshold=0.7, ticks=4))
    (tmp_path / "saved.yaml").write_text(dump(config))
    assert validate(read(str(tmp_path / "saved.yaml"))) == config


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "processor.success_classifier.checkpoint: field required"),
        ({"checkpoint": "a", "threshold": 0}, "threshold: input should be greater than 0"),
        ({"checkpoint": "a", "threshold": 1.0}, "threshold: input should be less than 1"),
        ({"checkpoint": "a", "ticks": 0}, "ticks: input should be greater than or equal to 1"),
        ({"checkpoint": "a", "tick": 3}, "tick: unknown key (did you mean ticks?)"),
    ],
)
def test_what_makes_no_sense_is_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        validate(with_classifier(**content))
    assert said in str(error.value)
