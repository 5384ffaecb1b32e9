"""The curves of a run, as a page draws them."""

from __future__ import annotations

from pathlib import Path

from made_runs import make_run, metrics

from hil_app.runs.browse.curves import MOST, read_curves


def test_curves_have_a_point_a_line_that_tells_of_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    metrics(
        run,
        {"ticks": 10, "train/success_rate": 0.5, "train/reward_mean": 1},
        {"ticks": 20, "learner/loss_actor": None, "observation/x/mean": [1.0]},
        {"ticks": 20, "eval/success_rate": 0.25},
    )
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"ticks": 30, "train/succ')
    assert read_curves(run) == {
        "success": [(10, 0.5)],
        "return": [(10, 1)],
        "alone": [(20, 0.25)],
    }
    assert read_curves(make_run(tmp_path / "b")) == {}


def test_what_came_after_a_checkpoint_that_was_gone_on_from_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    ticks = (10, 20, 30, 40, 25, 35)
    metrics(run, *({"ticks": tick, "train/success_rate": tick / 100} for tick in ticks))
    assert [x for x, _ in read_curves(run)["success"]] == [10, 20, 25, 35]


def test_a_long_curve_is_thinned_and_keeps_its_ends(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    metrics(run, *({"ticks": n, "learner/q_mean": 0.5} for n in range(3 * MOST + 1)))
    curve = read_curves(run)["q"]
    assert MOST / 2 < len(curve) <= MOST + 1
    assert (curve[0][0], curve[-1][0]) == (0, 3 * MOST)
