"""Values set in YAML texts."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from configs.load import ConfigError, dump, presets, read, validate
from configs.text.edit import edited, value_at

MIN, MAX, POSE = ("processor", "bounds", "min"), ("processor", "bounds", "max"), ("robot", "pose")
CHANGES: dict[tuple[str, ...], Any] = {MIN: [0.1, -0.2, 0.0], MAX: [0.3, 0.2, 0.1]}

INTERVENTION = """\
# My arm, on the left table.
robot:
  type: so101  # the black one
  port: /dev/ttyACM0

processor:
  # what the table leaves free
  bounds:
    min: [0.13, -0.17, 0.01]   # measured
    max: [0.31, 0.17, 0.08]
  gripper: {closed: 5}  # soft

# how long
env:
  fps: 20
"""


def test_a_value_changes_and_every_comment_and_all_else_stays() -> None:
    expected = INTERVENTION.replace("[0.13, -0.17, 0.01]", "[0.1, -0.2, 0.0]")
    expected = expected.replace("[0.31, 0.17, 0.08]", "[0.3, 0.2, 0.1]")
    assert edited(INTERVENTION, CHANGES) == expected


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# nothing yet\n",
        "robot: {type: so101}",
        "robot:\n  type: so101\n",
        "processor:\n",
        "processor:  # later\nrobot:\n  type: so101\n",
        "processor: null\n",
        "processor:\n  bounds:\n  gripper:\n    closed: 5\n",
        "processor:\n  gripper: {closed: 5}\n",
        "processor:\n    # indented by four\n    gripper: {closed: 5}\n",
        "processor: {}\n",
        "processor: {gripper: {closed: 5}}\n",
        "processor: {bounds: {min: [0, 0, 0], max: [1, 1, 1]}}\n",
        "{processor: {bounds: {min: [0, 0, 0]}}}\n",
        "processor:\n  bounds:\n    min:\n    - 0.0\n    - 0.0\n    - 0.0\n\n    # upper\n"
        "    max:\n      - 1\n      - 1\n      - 1\n\n# the end\n",
        'processor:\n  "bounds": {max: [1, 1, 1]} # quoted\n',
        "---\nprocessor:\n  bounds:\n    min: [0, 0,\n      0]\n    max: [1, 1, 1]\n",
        "processor:\r\n  bounds:\r\n    min: [0, 0, 0]\r\n    max: [1, 1, 1]\r\n",
    ],
)
def test_values_find_their_place_in_every_style(before: str) -> None:
    after = edited(before, CHANGES)
    wanted = yaml.safe_load(before) or {}
    for section in ("processor", "bounds"):
        wanted_section = wanted if section == "processor" else wanted["processor"]
        wanted_section[section] = wanted_section.get(section) or {}
    wanted["processor"]["bounds"] |= {"min": CHANGES[MIN], "max": CHANGES[MAX]}
    assert yaml.safe_load(after) == wanted
    for comment in (line for line in before.split("\n") if "#" in line):
        assert comment[comment.index("#") :].strip() in after


@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_changed_as_it_stands_and_as_it_is_shown(name: str) -> None:
    for text in (yaml.safe_dump(read(name)), dump(validate(read(name)))):
        after = yaml.safe_load(edited(text, CHANGES | {POSE: [1.5, 2.0]}))
        assert after["processor"]["bounds"]["min"] == CHANGES[MIN]
        assert after["robot"]["pose"] == [1.5, 2.0]
        assert set(after) == set(yaml.safe_load(text)) | {"processor", "robot"}


keys = st.sampled_from(["a", "b", "c", "processor"])
values = st.none() | st.integers() | st.floats(-9, 9) | st.text("xyz:#- ", max_size=4)
trees = st.recursive(
    values, lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3)
)


@example(content={}, path=("a",), value=":x", flow=None)
@example(content={}, path=("a", "b"), value=[":", {"c": ":x"}], flow=None)
@given(
    content=st.dictionaries(keys, trees, max_size=4),
    path=st.lists(keys, min_size=1, max_size=3).map(tuple),
    value=trees,
    flow=st.sampled_from([None, True, False]),
)
def test_whatever_stands_there_only_the_value_changes(
    content: dict[str, Any], path: tuple[str, ...], value: Any, flow: bool | None
) -> None:
    text = yaml.safe_dump(content, default_flow_style=flow)
    after = yaml.safe_load(edited(text, {path: value}))
    wanted = place = deepcopy(content)
    for key in path[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[path[-1]] = value
    assert after == wanted


@pytest.mark.parametrize(
    "text",
    [
        "here: &box {min: [0, 0, 0]}\nprocessor:\n  bounds: *box\n",  # there, it changes here too
        "processor: {bounds: {min: [0, 0, 0],}}\n",
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"does not let processor\.bounds\.min"):
        edited(text, CHANGES)


@pytest.mark.parametrize("text", ["- a list", "processor: [", "just words"])
def test_a_text_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"not a"):
        edited(text, CHANGES)


def test_a_value_is_reported_and_what_is_not_there_is_none() -> None:
    assert value_at(INTERVENTION, ("env", "fps")) == 20
    assert value_at(INTERVENTION, ("env", "fps", "more")) is None
    assert value_at("", MIN) is None
