"""``hil-app bench learn``: what it compares, and how it tells."""

import json
from io import StringIO

import pytest
from rich.console import Console
from sample_benchmarks import a_run

from configs.load import ConfigError
from hil_app.bench.commands import learn as bench_learn
from hil_app.bench.learning import curves
from hil_app.bench.learning.arms import Variant, arms, runs, save
from hil_app.bench.learning.outcome import read
from hil_app.bench.learning.protocol import protocol


def test_arms_are_presets_with_options_and_with_less_help():
    usual, bare, shown = arms(["dir/mine.yaml"], ["--train.ticks=9"], ablations=True)
    assert usual == Variant("mine", ("--config_path=dir/mine.yaml", "--train.ticks=9"))
    assert bare.options == (*usual.options, "--train.demonstrations=0")
    assert shown.options == (*usual.options, "--teleop.intervention.max_share=0")
    assert arms(["a", "b"], [], ablations=False) == [
        Variant("a", ("--config_path=a",)),
        Variant("b", ("--config_path=b",)),
    ]
    assert [str(run) for run in runs([usual], range(2))] == ["mine, seed 0", "mine, seed 1"]


def test_the_table_and_the_image_show_every_arm(tmp_path):
    good = [read(a_run(tmp_path / f"g{i}", [3, 19, 20, 20]), i) for i in range(3)]
    bad = [read(a_run(tmp_path / "b", [0, 0], final=0.02, episodes=[(700, 0)]), 0)]
    results = {"good": good, "never": bad, "failed": []}
    console = Console(width=80, record=True, file=StringIO())
    console.print(curves.table(results))
    text = console.export_text()
    assert "3 of 3" in text
    assert "1003–1003" in text
    assert "99–99" in text
    assert "20.0%" in text
    assert "→ 0.0%" in text
    assert "0 of 1" in text
    assert "0 of 0" in text
    curves.plot(results, tmp_path / "learning.png")
    assert (tmp_path / "learning.png").stat().st_size > 10_000
    saved = save(results, tmp_path)
    assert json.loads((tmp_path / "bench.json").read_text()) == saved
    assert saved["never"][0]["t95_ticks"] is None
    assert saved["good"][0]["human"] == {"hands_ticks": 199, "watching_ticks": 900, "episodes": 4}


def test_bad_options_are_refused_before_anything_runs(tmp_path):
    for argv, message in (
        (["--seeds=0"], "at least 1"),
        (["--preset", "nowhere"], "no preset or file 'nowhere'"),
        (["--learner.batch=3"], "learner.batch: unknown key"),
    ):
        with pytest.raises(ConfigError, match=message):
            bench_learn.run([*argv, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


TINY = (
    "--train.demonstrations=1",
    "--train.ticks=40",
    "--learner.batch_size=8",
    "--learner.learning_starts=20",
    "--policy.hidden_dims=[8]",
    "--env.control_time_s=1",
    "--train.count_demonstrations=all",
)


def test_the_command_runs_trainings_and_prints_json_alone(tmp_path, capsys, monkeypatch):
    quick = ["--train.eval_every=20", "--train.eval_episodes=2", "--eval.episodes=2"]
    short = [*protocol(0)[1:], *quick]
    monkeypatch.setattr(
        "hil_app.bench.learning.experiment.protocol", lambda seed: [f"--seed={seed}", *short]
    )
    argv = ["--preset", "sim_pick_lift", "--seeds=2", "--json", f"--output_dir={tmp_path}"]
    assert bench_learn.run([*argv, "--jobs=2", *TINY]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)["sim_pick_lift"]
    assert [seed["seed"] for seed in found] == [0, 1]
    assert all(len(seed["success"]) == 2 for seed in found)
    assert "hil-app bench learn" in printed.err
    told = json.loads((tmp_path / "sim_pick_lift/seed_0/summary.json").read_text())
    ticks = told["train"]["ticks"]
    whole = found[0]["human_whole"]
    shown = round(told["demonstrations"]["mean_ticks"] * told["demonstrations"]["episodes"])
    assert whole["hands_ticks"] + whole["watching_ticks"] == ticks + shown
