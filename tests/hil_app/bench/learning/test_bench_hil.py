"""``hil-app bench hil``: its suites, lines, table and image."""

import json
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sample_benchmarks import a_run

from configs.load import ConfigError, Parser, load
from configs.task import TASKS as KNOWN
from configs.teleop import InterventionConfig
from hil_app.bench.commands import hil
from hil_app.bench.learning import lines, panels, standings, suite
from hil_app.bench.learning.protocol import protocol
from hil_app.bench.learning.suite import Case, Learner

REACH = Case("reach", "state", "ordinary", Learner())
ALONE = lines.Alone(success_rate=0.96, episodes=50, mean_ticks=21.0)


def lines_of(tmp_path, case, *runs, **said):
    """A line of each run of a case, by its successes."""
    found = []
    for seed, successes in enumerate(runs):
        folder = a_run(tmp_path / case.name / f"seed_{seed}", successes, **said)
        found.append(lines.line(case, seed, folder, ALONE))
    return found


def test_every_task_of_the_twin_is_in_the_suites():
    assert {*suite.TASKS} == {entry.name for entry in KNOWN if entry.config.operator is not None}
    core, full = suite.SUITES["core"], suite.SUITES["full"]
    assert (core.obs, core.operators, core.seeds) == (("state",), ("ordinary",), 3)
    assert (full.obs, full.seeds) == (("state", "pixels"), 5)
    assert {*full.operators} == {"ordinary", "expert", "poor"}


@pytest.mark.parametrize("obs", suite.OBSERVATIONS)
@pytest.mark.parametrize("preset", [None, "lerobot"])
def test_task_and_observation_are_the_suites_whatever_learns(obs, preset):
    run = Case("stack", obs, "ordinary", Learner(None, preset)).run(7, ["--train.ticks=9"])
    config, _ = load(Parser("test"), run.options, "nowhere")
    assert (config.robot.type, config.robot.task.type) == ("so101_sim", "stack")
    assert (config.env.fps, config.env.paced, config.env.control_time_s) == (10.0, False, 15.0)
    assert [*config.robot.cameras] == (["front", "wrist"] if obs == "pixels" else [])
    assert config.processor.observation.object == (None if obs == "pixels" else "relative")
    assert (config.train.ticks, config.seed, config.train.eval_every) == (9, 7, 500)
    assert config.teleop.intervention == InterventionConfig(max_s=3.0, enough_progress=0.2)
    assert config.learner.batch_size == (8 if preset else 128)


@pytest.mark.parametrize("preset", ["hil_serl", "rlpd", "lerobot", "sac", "sim_pick_lift"])
def test_the_other_presets_have_none_of_what_hil_adds(preset):
    config, _ = load(Parser("test"), [], preset)
    assert (config.policy.shared_encoder, config.algorithm.imitation_filter) == (True, False)
    assert config.algorithm.actor_dropout is None
    assert (config.train.warm_start_updates, config.learner.gradient_steps) == (0, 1)
    assert config.teleop is None or config.teleop.intervention == InterventionConfig()


def test_the_presets_of_the_suite_differ_in_what_is_seen_and_how_often_they_learn_from_it():
    state, pixels = (load(Parser("test"), [], one.preset)[0] for one in suite.OBSERVATIONS.values())
    for block in ("env", "teleop", "train"):
        assert getattr(state, block) == getattr(pixels, block)
    for block, differs in (
        ("policy", {"image_size"}),
        ("algorithm", {"actor_average"}),
        ("learner", {"gradient_steps", "random_shift", "photometric"}),
    ):
        ours, theirs = (getattr(one, block).model_dump(exclude=differs) for one in (state, pixels))
        assert ours == theirs
    shares = [
        one.algorithm.actor_average * one.learner.gradient_steps * one.learner.train_freq
        for one in (state, pixels)
    ]
    assert shares[0] == shares[1]  # of what is learned in a tick: as many ticks are averaged


def test_an_operator_alone_is_measured_once_for_all_learners():
    learners = [Learner(), Learner("other", program=("other",))]
    cases = suite.cases(["reach", "push"], ["state", "pixels"], ["ordinary"], learners)
    runs = suite.runs(cases, 2, [])
    assert len(cases) == 2 * 2 * 2
    assert [run.name for run in runs[:2]] == ["reach_ordinary_alone", "push_ordinary_alone"]
    assert len(runs) == 2 + 2 * 8
    assert [run.seed for run in runs[2:]] == [0] * 8 + [1] * 8
    assert {run.program[0] for run in runs if run.name.endswith("other")} == {"other"}
    config, _ = load(Parser("test"), runs[0].options, "nowhere")
    assert (config.dataset.num_episodes, config.robot.task.type) == (50, "reach")


def test_skill_is_an_option_of_operators_that_are_not_ordinary():
    options = Case("reach", "state", "poor", Learner()).run(0, []).options
    assert "--teleop.skill=poor" in options
    assert not [one for one in REACH.run(0, []).options if "skill" in one]


def test_a_line_has_human_seconds_until_t95(tmp_path):
    (line,) = lines_of(tmp_path, REACH, [3, 19, 20, 20], episodes=[(500, 60), (503, 10), (900, 9)])
    assert (line.hands_s, line.watching_s) == (16.9, 93.3)  # 99 + 70 and 1003 - 70 ticks at 10 Hz
    assert line.human_s == 110.2
    (never,) = lines_of(tmp_path / "never", REACH, [0, 0])
    assert (never.human_s, never.hands_s, never.watching_s) == (None, None, None)


def test_lines_are_json_that_reads_back(tmp_path):
    found = lines_of(tmp_path, REACH, [3, 19, 20, 20], [0, 0])
    lines.save(found, tmp_path / "bench.jsonl")
    told = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert [line["outcome"]["t95_ticks"] for line in told] == [1003, None]
    assert {"task", "obs", "operator", "learner", "versions", "hardware", "options"} <= {*told[0]}
    assert told[0]["alone"]["success_rate"] == 0.96
    assert lines.read(tmp_path / "bench.jsonl") == found


def test_a_line_of_others_that_is_none_is_named(tmp_path):
    file = tmp_path / "theirs.jsonl"
    (good,) = lines_of(tmp_path, REACH, [20, 20])
    broken = json.loads(lines.text(good))
    del broken["outcome"]["final"]
    file.write_text(f"{lines.text(good)}\n{json.dumps(broken)}\n")
    with pytest.raises(ConfigError, match=r"theirs.jsonl, line 2: outcome.final: Field required"):
        lines.read(file)
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere"):
        lines.read(tmp_path / "nowhere")


def shown(found):
    console = Console(width=80, record=True, file=StringIO())
    console.print(standings.table(found))
    return console.export_text()


def test_the_table_has_a_row_a_case_and_fits_80_columns(tmp_path):
    good = [3, 19, 20, 20]
    cases = [Case(task, "state", "ordinary", Learner()) for task in suite.TASKS]
    found = [line for case in cases for line in lines_of(tmp_path, case, good, good, [0] * 16)]
    text = shown(found)
    assert "hil: state, ordinary, hil" in text
    assert all(task in text for task in suite.TASKS)
    row = next(line.split() for line in text.splitlines() if "pick_place" in line)
    assert row == ["pick_place", "2/3", "1003", "20", "110", "20", "20%", "99", "96%"]
    assert text.count("1003–∞") == 7
    assert "…" not in text


def test_what_rows_do_not_share_stands_with_the_task(tmp_path):
    pixels = Case("reach", "pixels", "poor", Learner("other", program=("x",)))
    found = [*lines_of(tmp_path, REACH, [20, 20]), *lines_of(tmp_path, pixels, [0, 0])]
    text = shown(found)
    assert "bench hil " in text
    names = [line.split()[0] for line in text.splitlines() if line.split()]
    assert names[names.index("reach") :][:8] == [
        "reach",
        "state",
        "ordinary",
        "hil",
        "reach",
        "pixels",
        "poor",
        "other",
    ]
    page = standings.markdown(found).splitlines()
    assert len(page) == 2 + 2
    assert page[2].startswith("| reach, state, ordinary, hil | 1/1 (1/1) | 503 |")
    assert page[3].startswith("| reach, pixels, poor, other | 0/1 (–) | ∞ |")
    assert {line.count("|") for line in page} == {10}


def test_the_image_has_a_panel_a_task(tmp_path):
    cases = [Case(task, "state", "ordinary", Learner()) for task in ("reach", "push")]
    found = [line for case in cases for line in lines_of(tmp_path, case, [3, 20, 20], [0, 0])]
    panels.plot(found, tmp_path / "two.png")
    panels.plot([*found, replace(found[0], task="stack", operator="poor")], tmp_path / "three.png")
    assert (tmp_path / "two.png").stat().st_size > 10_000
    assert (tmp_path / "two.png").stat().st_size < (tmp_path / "three.png").stat().st_size


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--suite=all"], r"--suite.*got 'all', allowed: core, full"),
        (["--tasks", "reach", "pick"], "--tasks.*got 'pick'.*allowed: reach, pick_lift, push"),
        (["--obs", "sound"], "--obs.*got 'sound'.*allowed: state, pixels"),
        (["--operators", "good"], "--operators.*got 'good'.*allowed: ordinary, expert, poor"),
        (["--preset", "nowhere"], "no preset or file 'nowhere'.*hil_pixels"),
        (["--runner", "sb3"], "--runner.*must be NAME=COMMAND, got 'sb3'"),
        (["--seeds=0"], "at least 1"),
        (["--tasks", "reach", "--learner.batch=3"], "learner.batch: unknown key"),
        (["--beside", "nowhere.jsonl", "--tasks", "reach"], "--beside: cannot read nowhere.jsonl"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(tmp_path, argv, message):
    with pytest.raises(ConfigError, match=message):
        hil.run([*argv, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


TESTS = str(Path(__file__).parents[3])
FAKE = """
import pathlib, sys
sys.path.insert(0, {tests!r})
from sample_benchmarks import a_run
options = dict(word[2:].split("=", 1) for word in sys.argv[1:])
a_run(pathlib.Path(options["output_dir"]), [3, 20, 20])
"""
RECORDED = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[-1].partition("=")[2])
folder.mkdir()
record = {"success_rate": 0.9, "episodes": 50, "mean_ticks": 20.0}
(folder / "summary.json").write_text(json.dumps({"ended": "finished", "record": record}))
"""


def test_another_program_learns_by_the_same_options(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(suite, "RECORD", (sys.executable, "-c", RECORDED))
    script = tmp_path / "learn.py"
    script.write_text(FAKE.format(tests=TESTS))
    argv = ["--tasks", "reach", "push", "--seeds=2", f"--output_dir={tmp_path / 'out'}", "--json"]
    assert hil.run([*argv, f"--runner=mine={sys.executable} {script}"]) == 0
    printed = capsys.readouterr()
    told = [json.loads(line) for line in printed.out.splitlines()]
    assert [(one["task"], one["outcome"]["seed"]) for one in told] == [
        ("reach", 0),
        ("reach", 1),
        ("push", 0),
        ("push", 1),
    ]
    assert {one["learner"] for one in told} == {"mine"}
    assert told[0]["alone"]["success_rate"] == 0.9
    assert "--robot.task=reach" in told[0]["options"]
    assert "hil: state, ordinary, mine" in printed.err
    assert {"bench.jsonl", "bench.md", "bench.png"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


TINY = (
    "--train.demonstrations=1",
    "--train.ticks=40",
    "--learner.batch_size=8",
    "--learner.learning_starts=20",
    "--policy.hidden_dims=[8]",
    "--env.control_time_s=1",
    "--train.count_demonstrations=all",
)


@pytest.mark.slow
def test_a_tiny_benchmark_from_end_to_end(tmp_path, capsys, monkeypatch):
    quick = ["--train.eval_every=20", "--train.eval_episodes=2", "--eval.episodes=2"]
    short = [*protocol(0)[1:], *quick]
    monkeypatch.setattr(
        "hil_app.bench.learning.experiment.protocol", lambda seed: [f"--seed={seed}", *short]
    )
    argv = ["--tasks", "reach", "insert", "--seeds=1", f"--output_dir={tmp_path}", *TINY]
    assert hil.run(argv) == 0
    assert "insert" in capsys.readouterr().out
    told = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert [line["task"] for line in told] == ["reach", "insert"]
    assert all(len(line["outcome"]["success"]) == 2 for line in told)
    assert all(line["alone"]["episodes"] == 50 for line in told)
