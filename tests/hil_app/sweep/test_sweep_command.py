"""``hil-app sweep``: by Ray Tune, with what stands for a training."""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path

import pytest
from sample_trials import PROGRAM

from configs.errors import ConfigError
from hil_app.bench import BenchError
from hil_app.cli import sweep
from hil_app.support import extras

OVER = "--over=learner.batch_size=64,8,99"
EVALUATED = ("--train.eval_every=100", "--train.eval_episodes=20", "--grace=100", "--jobs=1")


@pytest.mark.slow
def test_the_worse_are_stopped_and_a_finished_sweep_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = pytest.importorskip("hil_app.sweep.tuned", reason="Ray (hil-app[ray]) is not installed")
    monkeypatch.setattr(tuned, "run", partial(tuned.run, program=PROGRAM))
    folder = tmp_path / "sweep"
    argv = [OVER, *EVALUATED, f"--output_dir={folder}"]
    with pytest.raises(BenchError, match="trial_002 ended with status 1: an unlucky number"):
        sweep.run([*argv])
    assert "trial_002" not in {path.parent.name for path in folder.glob("*/summary.json")}
    assert sweep.run([*argv]) == 0  # which goes on
    shown = capsys.readouterr().out
    marks = {path.name: json.loads(path.read_text()) for path in folder.glob("*.stopped.json")}
    assert marks == {"trial_001.stopped.json": {"ticks": 100}}
    words = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/words.json")}
    assert words["trial_002"] == [f"--resume={folder / 'trial_002'}"]
    assert (folder / "sweep.png").stat().st_size > 10_000
    rows = [line.split() for line in shown.splitlines() if line.strip()[:1].isdigit()]
    assert [(row[0], row[2]) for row in rows[-3:]] == [("0", "91%"), ("2", "91%"), ("1", "15%")]
    assert "stopped at 100" in shown
    best = [line for line in shown.splitlines() if line.startswith("the best: ")][-1]
    assert shlex.split(best)[4:] == words["trial_000"][:-1]
    times = [path.stat().st_mtime_ns for path in folder.glob("*/words.json")]
    assert sweep.run([*argv]) == 0
    assert f"{folder} is finished: nothing is left to do" in capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in folder.glob("*/words.json")] == times


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--over is missing"),
        (["--over=learner.batch=1,2"], "learner.batch: unknown key"),
        (["--over=learner.batch_size=64,1"], "learner.batch_size"),
        ([OVER, "--learner.batch_size=3"], "learner.batch_size is given twice"),
        ([OVER, OVER], "learner.batch_size is given twice"),
        ([OVER, "--train.tick=3"], "train.tick: unknown key"),
        ([OVER, "--no-stop", "--grace=3"], "--grace: with --no-stop"),
        ([OVER, "--gpus=-1"], "must be from 0 to 64"),
        ([OVER, "--config_path=nowhere"], "no preset or file 'nowhere'"),
        (["--over=learner.n_steps=1..5"], "say how many by --samples"),
    ],
)
def test_bad_options_are_refused_before_anything_starts(
    argv: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        sweep.run([*argv, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


def test_evaluations_are_those_of_the_benchmarks_where_the_configuration_has_none() -> None:
    options, handed_on = sweep._options([OVER])
    assert sweep._base(options, handed_on)[-2:] == (
        "--train.eval_every=500",
        "--train.eval_episodes=20",
    )


def test_without_ray_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.util, "find_spec", {}.get)
    with pytest.raises(ConfigError) as refused:
        sweep.run([OVER])
    assert str(refused.value) == (
        f"hil-app sweep needs ray, which is not installed: {extras.how_to_install('ray')}"
    )
