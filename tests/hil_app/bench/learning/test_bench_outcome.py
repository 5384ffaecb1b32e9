"""What a learning benchmark reads off a run: when it was good, and whose time that took."""

import pytest
from sample_benchmarks import a_run

from hil_app.bench import BenchError
from hil_app.bench.learning.outcome import HumanTime, finished, read, so_far
from hil_app.bench.learning.protocol import held, reached


@pytest.mark.parametrize(
    ("success", "expected"),
    [
        ([], None),
        ([1.0], None),
        ([0.95, 1.0], 0),
        ([0.95, 0.9, 1.0, 0.95], 2),
        ([1.0, 0.0, 1.0, 0.0, 1.0], None),
    ],
)
def test_t95_is_the_first_of_two_good_evaluations_in_a_row(success, expected):
    assert reached(success) == expected


def test_held_looks_at_twice_t95_and_no_further():
    success = [0.2, 0.95, 1.0, 0.9, 0.1]
    assert held(success, first=1)
    assert not held([0.2, 0.95, 1.0, 0.85, 1.0], first=1)
    assert not held(success, first=2)


def test_a_run_is_read_as_it_was(tmp_path):
    seed = read(a_run(tmp_path / "run", [3, 19, 20, 17, 20]), seed=4)
    assert (seed.seed, seed.t95_ticks, seed.t95_updates, seed.t95_seconds) == (4, 1003, 2000, 20.0)
    assert seed.ticks == [503, 1003, 1503, 2003, 2503]
    assert seed.success == [0.15, 0.95, 1.0, 0.85, 1.0]
    assert seed.held is False  # 17 of 20 at 2003, before 2 x 1003
    assert seed.final == 0.99
    assert seed.interventions == [0.2, 0.0]


def test_human_time_ends_at_t95_and_counts_demonstrations(tmp_path):
    episodes = [(400, 100), (103, 3), (500, 40), (997, 7)]  # T95 is at 1003 ticks, the third's end
    seed = read(a_run(tmp_path / "run", [3, 19, 20, 20], episodes=episodes), seed=0)
    hands = 99 + 100 + 3 + 40
    assert seed.human == HumanTime(hands, watching_ticks=1003 - 143, episodes=2 + 3)
    assert seed.human_whole == HumanTime(hands + 7, watching_ticks=2000 - 150, episodes=2 + 4)


def test_the_rest_of_a_share_of_ticks_counts_with_the_one_before(tmp_path):
    run = a_run(tmp_path / "run", [20, 20], episodes=[(500, 50), (490, 0), (20, 20)])
    assert read(run, 0).interventions == [0.1, round(20 / 510, 4)]


def test_a_run_that_never_got_there_says_so(tmp_path):
    seed = read(a_run(tmp_path / "run", [0, 19, 0], final=0.1), seed=0)
    assert (seed.t95_ticks, seed.t95_updates, seed.t95_seconds, seed.held) == (None,) * 4
    assert seed.human is None
    assert seed.human_whole.hands_ticks == 99 + 100


def test_what_another_program_has_left_out_is_named(tmp_path):
    run = a_run(tmp_path / "run", [20, 20])
    (run / "events.jsonl").write_text('{"event": "episode", "stage": "train", "ticks": 3}\n')
    with pytest.raises(BenchError, match=r"not what a training leaves: KeyError: 'interv"):
        read(run, 0)


def test_only_a_run_that_came_to_its_end_is_finished(tmp_path):
    assert finished(a_run(tmp_path / "whole", [20]))
    for name, ended in (("cut", "SIGTERM"), ("torn", "error: no")):
        assert not finished(a_run(tmp_path / name, [20], ended=ended))
    assert not finished(tmp_path / "nothing")


def test_how_far_a_run_is_told_in_words(tmp_path):
    assert so_far(tmp_path / "nothing") == "0 ticks"
    run = a_run(tmp_path / "run", [20])
    assert so_far(run) == "1000 ticks"
    told = '{"event": "evaluation", "successes": 7, "episodes": 20}\n'
    (run / "events.jsonl").write_text(told)
    assert so_far(run) == "0 ticks, 7 of 20 on its own"
