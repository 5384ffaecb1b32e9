"""The learning benchmark: what it reads off runs, compares and draws."""

import json
from io import StringIO

import pytest
from rich.console import Console

from configs.load import ConfigError
from hil_app.bench import curves
from hil_app.bench.commands import learn as bench_learn
from hil_app.bench.learn import (
    BenchError,
    Experiment,
    Variant,
    arms,
    held,
    protocol,
    reached,
    read,
    save,
)


def a_run(folder, successes, *, final=0.99, episodes=((500, 100), (500, 0)), ended="finished"):
    """A finished run's folder: an evaluation of 20 every 500 ticks, episodes (ticks, by hand)."""
    folder.mkdir(parents=True)
    evaluations = [
        {
            "ticks": 500 * (i + 1) + 3,
            "successes": n,
            "episodes": 20,
            "mean_ticks": 15.0,
            "updates": 1000 * (i + 1),
            "train_seconds": 10.0 * (i + 1),
        }
        for i, n in enumerate(successes)
    ]
    summary = {
        "ended": ended,
        "train": {"evaluations": evaluations},
        "eval": {"success_rate": final, "mean_ticks": 14.5},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    lines = [
        json.dumps(
            {"event": "episode", "stage": stage, "ticks": n, "intervention_ticks": interventions}
        )
        for stage, found in (("demonstrate", [(99, 99)]), ("train", episodes))
        for n, interventions in found
    ]
    (folder / "events.jsonl").write_text("\n".join([*lines, '{"event": "epis']))
    return folder


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


def test_the_rest_of_a_share_of_ticks_counts_with_the_one_before(tmp_path):
    run = a_run(tmp_path / "run", [20, 20], episodes=[(500, 50), (490, 0), (20, 20)])
    assert read(run, 0).interventions == [0.1, round(20 / 510, 4)]


def test_a_run_that_never_got_there_says_so(tmp_path):
    seed = read(a_run(tmp_path / "run", [0, 19, 0], final=0.1), seed=0)
    assert (seed.t95_ticks, seed.t95_updates, seed.t95_seconds, seed.held) == (None,) * 4


def test_an_unfinished_run_has_no_result(tmp_path):
    for name, ended in (("cut", "SIGTERM"), ("torn", "error: no")):
        with pytest.raises(BenchError, match="has no finished run"):
            read(a_run(tmp_path / name, [20], ended=ended), seed=0)
    with pytest.raises(BenchError, match="has no finished run"):
        read(tmp_path / "nothing", seed=0)


def test_arms_are_presets_with_options_and_with_less_help():
    usual, bare, shown = arms(["dir/mine.yaml"], ["--train.ticks=9"], ablations=True)
    assert usual == Variant("mine", ("--config_path=dir/mine.yaml", "--train.ticks=9"))
    assert bare.options == (*usual.options, "--train.demonstrations=0")
    assert shown.options == (*usual.options, "--teleop.intervention.max_share=0")
    assert arms(["a", "b"], [], ablations=False) == [
        Variant("a", ("--config_path=a",)),
        Variant("b", ("--config_path=b",)),
    ]


TINY = (
    "--config_path=sim_pick_lift",
    "--train.demonstrations=1",
    "--train.ticks=40",
    "--learner.batch_size=8",
    "--learner.learning_starts=20",
    "--policy.hidden_dims=[8]",
    "--env.control_time_s=1",
    "--train.count_demonstrations=all",
)


@pytest.fixture
def quick(monkeypatch):
    """A protocol of a second."""
    changed = [*protocol(0)[1:], "--train.eval_every=20", "--train.eval_episodes=2"]
    changed += ["--eval.episodes=2"]
    monkeypatch.setattr("hil_app.bench.learn.protocol", lambda seed: [f"--seed={seed}", *changed])


@pytest.mark.usefixtures("quick")
def test_runs_are_real_and_what_is_there_is_not_run_again(tmp_path):
    experiment = Experiment(tmp_path, [Variant("tiny one", TINY)], [0, 1], jobs=2)
    found = [seed for _, seed in experiment.run()]
    assert [seed.seed for seed in found] == [0, 1]
    assert all(len(seed.success) == 2 for seed in found)
    assert "on its own, finished" in experiment.progress()["tiny one", 0]
    written = (tmp_path / "tiny_one" / "seed_0" / "summary.json").stat().st_mtime_ns
    again = [
        seed for _, seed in Experiment(tmp_path, [Variant("tiny one", TINY)], [0], jobs=1).run()
    ]
    assert again == found[:1]
    assert (tmp_path / "tiny_one" / "seed_0" / "summary.json").stat().st_mtime_ns == written


@pytest.mark.usefixtures("quick")
def test_a_run_cut_short_is_kept_beside_and_run_again(tmp_path):
    cut = a_run(tmp_path / "arm" / "seed_0", [20], ended="SIGTERM")
    (cut / "mine").write_text("kept")
    ((_, seed),) = Experiment(tmp_path, [Variant("arm", TINY)], [0], jobs=1).run()
    assert len(seed.success) == 2
    (kept,) = (tmp_path / "arm").glob("seed_0_cut_short_*/mine")
    assert kept.read_text() == "kept"


def test_a_run_that_fails_tells_its_last_words_and_ends_the_others(tmp_path):
    broken = Variant("broken", ("--config_path=nowhere",))
    experiment = Experiment(tmp_path, [broken, Variant("tiny", TINY)], [0, 1, 2], jobs=1)
    with pytest.raises(BenchError, match=r"broken, seed 0, ended with status 2: .*nowhere"):
        list(experiment.run())
    assert not list(tmp_path.glob("tiny/*/summary.json"))


def test_the_table_and_the_image_show_every_arm(tmp_path):
    good = [read(a_run(tmp_path / f"g{i}", [3, 19, 20, 20]), i) for i in range(3)]
    bad = [read(a_run(tmp_path / "b", [0, 0], final=0.02, episodes=[(700, 0)]), 0)]
    results = {"good": good, "never": bad}
    console = Console(width=80, record=True, file=StringIO())
    console.print(curves.table(results))
    text = console.export_text()
    assert "3 of 3" in text
    assert "1003–1003" in text
    assert "99–99" in text
    assert "20.0%" in text
    assert "→ 0.0%" in text
    assert "0 of 1" in text
    curves.plot(results, tmp_path / "learning.png")
    assert (tmp_path / "learning.png").stat().st_size > 10_000
    saved = save(results, tmp_path)
    assert json.loads((tmp_path / "bench.json").read_text()) == saved
    assert saved["never"][0]["t95_ticks"] is None


def test_bad_options_are_refused_before_anything_runs(tmp_path):
    for argv, message in (
        (["--seeds=0"], "at least 1"),
        (["--preset", "nowhere"], "no preset or file 'nowhere'"),
        (["--learner.batch=3"], "learner.batch: unknown key"),
    ):
        with pytest.raises(ConfigError, match=message):
            bench_learn.run([*argv, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_the_command_prints_json_alone(tmp_path, capsys):
    argv = ["--preset", "sim_pick_lift", "--seeds=1", "--json", f"--output_dir={tmp_path}"]
    assert bench_learn.run([*argv, *TINY[1:]]) == 0
    printed = capsys.readouterr()
    assert [seed["seed"] for seed in json.loads(printed.out)["sim_pick_lift"]] == [0]
    assert "hil-app bench learn" in printed.err
