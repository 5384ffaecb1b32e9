"""Runs that there are: what is listed, shown, compared and removed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from made_runs import episode, evaluation, event, make_run

from hil_app.__main__ import main
from hil_app.recording.lock import Lock
from hil_app.runs.browse.figure import plot_comparison
from hil_app.runs.browse.history import History
from hil_app.runs.browse.overview import overview, overviews


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with runs/ in it: a good one, one that was cut off, one by hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    good = [episode(success=n > 2) for n in range(6)]
    final = [episode("evaluate") for _ in range(3)] + [episode("evaluate", success=False)]
    demonstrations = [episode("demonstrate")] * 2
    make_run(tmp_path / "runs" / "good", *demonstrations, *good, *final, updates=55, recorded=True)
    make_run(tmp_path / "runs" / "cut", episode(success=False), updates=0, seed=7)
    make_run(tmp_path / "runs" / "hand", episode("teleoperate", ticks=30))
    return tmp_path


def by_name(place: Path) -> dict[str, Any]:
    return {one.folder.name: one for one in overviews(place / "runs")}


# what they tell


def test_a_run_tells_what_it_was_for_and_what_it_came_to(place: Path) -> None:
    good, cut, hand = (by_name(place)[name] for name in ("good", "cut", "hand"))
    assert (good.stage, good.ticks, good.episodes, good.updates) == ("train", 60, 6, 55)
    assert (good.success.rate, good.success.alone) == (0.75, True)
    assert (cut.stage, cut.ticks, cut.updates) == ("train", 10, 0)
    assert (cut.success.rate, cut.success.alone) == (0.0, False)
    assert (hand.stage, hand.ticks, hand.updates) == ("teleoperate", 30, 0)
    assert (good.robot, good.task, good.started) == ("so101_sim", "pick_lift", 1_700_000_000.5)
    assert [good.recorded, cut.recorded, hand.recorded] == [True, False, False]


def test_episodes_that_were_thrown_away_or_cut_short_do_not_count(tmp_path: Path) -> None:
    lines = [episode(), episode(rerecord=True), episode(), episode(stop=True)]
    assert [one.tick for one in History.read(make_run(tmp_path / "a", *lines)).training] == [10, 20]


def test_what_came_after_the_checkpoint_that_a_run_goes_on_from_is_forgotten(
    tmp_path: Path,
) -> None:
    before = [*(episode() for _ in range(5)), evaluation(20, 3), evaluation(50, 9)]
    lines = [*before, episode("evaluate"), event("run_resumed", ticks=30), episode(ticks=4)]
    history = History.read(make_run(tmp_path / "a", *lines))
    assert [one.tick for one in history.training] == [10, 20, 30, 34]
    assert [one.ticks for one in history.evaluations] == [20]
    assert history.evaluated == []


def test_a_folder_of_damage_is_still_listed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", episode(), '{"event": "episode", "sta', updates=3)
    (run / "config.yaml").write_text("robot: [")
    (run / "summary.json").write_text("{")
    (run / "checkpoints" / "tick_000060" / "state.json").write_text("[]")
    (found,) = overviews(tmp_path)
    assert (found.robot, found.task, found.updates, found.episodes) == ("–", "–", 0, 1)


def test_size_counts_a_file_of_two_names_once_and_no_file_that_a_link_leads_to(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "a")
    before = overview(run).size
    (run / "block").write_bytes(bytes(10_000))
    os.link(run / "block", run / "the same block")
    (tmp_path / "elsewhere").write_bytes(bytes(1_000_000))
    (run / "link").symlink_to(tmp_path / "elsewhere")
    assert 10_000 <= overview(run).size - before < 11_000


def test_the_last_evaluation_that_came_to_its_end_counts(place: Path) -> None:
    folder = place / "runs" / "good" / "evaluations"
    folder.mkdir()
    for name, ended, rate in (("1", "finished", 0.25), ("2", "finished", 0.5), ("3", "SIGINT", 1)):
        report = {"ended": ended, "eval": {"success_rate": rate, "episodes": 8}}
        (folder / f"{name}.json").write_text(json.dumps(report))
    (folder / "4.json").write_text("{")
    found = by_name(place)["good"]
    assert list(found.evaluations) == ["1", "2"]
    assert (found.success.rate, found.success.alone) == (0.5, True)


# the commands


@pytest.mark.usefixtures("place")
def test_runs_lists_them_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert re.search(r"good +pick_lift +60 +55 +6 +75% ", "\n".join(lines))
    assert re.search(r"cut +pick_lift +10 +0 +1 +0%\* ", "\n".join(lines))
    assert "in which the operator could help" in lines[-1]
    assert main(["runs", "runs", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


@pytest.mark.usefixtures("place")
def test_a_word_that_is_no_folder_may_be_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "shwo"]) == 2
    assert "did you mean show?" in capsys.readouterr().err
    assert main(["runs", "show", "runs/none"]) == 2
    assert "there is no run runs/none" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_show_has_stages_checkpoints_files_and_what_to_do_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runs", "show", "runs/good"]) == 0
    shown = capsys.readouterr().out
    for said in ("6 episodes, 60 ticks, 50% successful", "tick_000060: 55 updates", "cut off"):
        assert said in shown
    assert "hil-app train --resume=true --output_dir=runs/good --train.ticks=120" in shown


def test_compare_draws_trainings_and_says_how_they_differ(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "compare", "runs/good", "runs/cut", "runs/hand", "--out", "a/b.png"]) == 0
    said = capsys.readouterr().out
    assert "seed: 0 | 7 | 0" in said
    assert "not drawn, as no episode of its training has ended: hand" in said
    assert (place / "a" / "b.png").read_bytes().startswith(b"\x89PNG")
    assert main(["runs", "compare", "runs/hand"]) == 2
    assert main(["runs", "compare", "runs/good", "--out", "b.jpg"]) == 2


def test_each_run_of_a_picture_has_its_colour(tmp_path: Path) -> None:
    from matplotlib import image

    lines = {name: [episode(success=name == "a") for _ in range(30)] for name in "ab"}
    runs = {name: History.read(make_run(tmp_path / name, *lines[name])) for name in lines}
    plot_comparison(runs, tmp_path / "two.png")
    pixels = (image.imread(tmp_path / "two.png")[..., :3] * 255).round().astype(int)
    for colour in ((31, 119, 180), (255, 127, 14)):
        assert (abs(pixels - colour).sum(axis=-1) < 12).sum() > 300


# clean


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("hil_app.cli.arm.guide.Guide.ask", lambda *_: answer)


def test_clean_removes_what_came_to_nothing_once_one_agrees(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer in ("", "n", "what?"):
        answering(monkeypatch, answer)
        assert main(["runs", "clean"]) == 0
        assert set(by_name(place)) == {"good", "cut", "hand"}
    answering(monkeypatch, "y")
    assert main(["runs", "clean"]) == 0
    assert set(by_name(place)) == {"good"}
    assert re.search(r"cut .* \d+ B\n", capsys.readouterr().out)
    assert main(["runs", "clean", "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_clean_keeps_what_was_recorded_or_measured_or_goes_on(place: Path) -> None:
    make_run(place / "runs" / "shown", updates=0, recorded=True)
    make_run(place / "runs" / "aside") / "set_aside" / "1"
    (place / "runs" / "aside" / "set_aside").mkdir()
    (place / "runs" / "aside" / "set_aside" / "frames").write_bytes(b"frames")
    (make_run(place / "runs" / "bench") / "bench.json").write_text("{}")
    damaged = make_run(place / "runs" / "damaged", updates=0)
    (damaged / "checkpoints" / "tick_000060" / "state.json").write_text("{")
    make_run(place / "runs" / "linked")
    (place / "runs" / "linked" / "dataset").symlink_to(place / "runs" / "good" / "dataset")
    (place / "runs" / "link").symlink_to(place / "runs" / "cut")
    with Lock(place / "runs" / "hand"):
        assert main(["runs", "clean", "--yes"]) == 0
    left = {path.name for path in (place / "runs").iterdir()}
    assert left == {"good", "hand", "shown", "aside", "bench", "linked", "link", "damaged"}


def test_clean_removes_what_is_named_and_follows_no_link_out_of_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "precious").mkdir()
    (place / "precious" / "frames").write_bytes(b"frames")
    (place / "runs" / "good" / "outside").symlink_to(place / "precious")
    assert main(["runs", "clean", "runs/good", "--yes"]) == 0
    assert "runs/good holds recorded episodes" in capsys.readouterr().out
    assert not (place / "runs" / "good").exists()
    assert (place / "precious" / "frames").read_bytes() == b"frames"


@pytest.mark.parametrize(
    ("named", "cause"),
    [
        ("link", "is a link"),
        ("busy", "is in use"),
        ("plain", "is no run's folder"),
        ("nowhere", "there is no run"),
    ],
)
def test_clean_refuses_what_is_no_run_of_its_own_or_in_use(
    place: Path, named: str, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "link").symlink_to(place / "runs" / "good")
    (place / "plain").mkdir()
    with Lock(make_run(place / "busy")):
        assert main(["runs", "clean", named, "--yes"]) == 2
    assert cause in capsys.readouterr().err
    assert (place / "runs" / "good" / "config.yaml").is_file()


def test_nobody_to_ask_is_no_agreement(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hil_app.cli.arm.guide import InputEnded

    def ended(*_: object) -> str:
        raise InputEnded("no input")

    monkeypatch.setattr("hil_app.cli.arm.guide.Guide.ask", ended)
    assert main(["runs", "clean"]) == 2
    assert "say --yes" in capsys.readouterr().err
    assert set(by_name(place)) == {"good", "cut", "hand"}
