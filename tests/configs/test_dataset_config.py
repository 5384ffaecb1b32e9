"""Where episodes are kept, and how: what is refused, and what the defaults mean."""

from typing import Any

import pytest

from configs.dataset import EncodingConfig
from configs.load import ConfigError, merge, read, validate


@pytest.mark.parametrize(("codec", "usual", "highest"), [("h264", 23, 51), ("av1", 30, 63)])
def test_the_quality_is_the_codecs_usual_one_unless_it_is_named(
    codec: Any, usual: int, highest: int
) -> None:
    assert EncodingConfig(codec=codec).quality == usual
    assert [EncodingConfig(codec=codec, crf=crf).quality for crf in (0, highest)] == [0, highest]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"encoding": {"crf": 52}}, "dataset.encoding: crf: h264 goes up to 51, got 52"),
        ({"encoding": {"codec": "av1", "crf": 64}}, "crf: av1 goes up to 63, got 64"),
        ({"encoding": {"codec": "vp9"}}, "dataset.encoding.codec: input should be 'h264' or 'av1'"),
        ({"num_episodes": 0}, "dataset.num_episodes: "),
        ({"max_waiting": 0}, "dataset.max_waiting: "),
        ({"task": ""}, "dataset.task: "),
        ({"task": "two\nlines"}, "dataset.task: "),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validate(merge(read("sim_pick_lift"), {"dataset": wanted}))
    assert message in str(refused.value)
