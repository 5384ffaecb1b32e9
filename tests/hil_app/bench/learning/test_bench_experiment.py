"""Many runs in one folder: resumed, set aside, side by side, ended together."""

import json
import os
import signal
import subprocess
import sys
from glob import glob
from pathlib import Path

import pytest
from sample_benchmarks import a_run
from waiting import until

from hil_app.bench import BenchError
from hil_app.bench.learning import started
from hil_app.bench.learning.experiment import Experiment, Run, training
from hil_app.bench.learning.protocol import protocol

FAKE = """
import json, pathlib, sys
options = dict(word[2:].split("=", 1) for word in sys.argv[1:])
folder = pathlib.Path(options["output_dir"])
folder.mkdir()
(folder / "options.json").write_text(json.dumps(options))
if options.get("fails"):
    print("something", options["fails"])
    sys.exit(3)
(folder / "summary.json").write_text(json.dumps({"ended": options.get("ended", "finished")}))
"""
PROGRAM = (sys.executable, "-c", FAKE)


def a(name, seed=0, *options):
    return Run(name, seed, (f"--seed={seed}", *options), PROGRAM)


def test_each_run_has_a_folder_and_what_is_there_is_not_run_again(tmp_path):
    runs = [a("one arm, bare", 0), a("one arm, bare", 1), a("other")]
    experiment = Experiment(tmp_path, runs, jobs=2)
    assert {*experiment.run()} == {*runs}
    assert experiment.over == 3
    assert experiment.under_way() == {}
    experiment.check()
    assert json.loads((tmp_path / "one_arm_bare/seed_1/options.json").read_text())["seed"] == "1"
    before = [path.stat().st_mtime_ns for path in tmp_path.glob("*/*/summary.json")]
    assert len(before) == 3
    assert {*Experiment(tmp_path, runs, jobs=1).run()} == {*runs}
    assert [path.stat().st_mtime_ns for path in tmp_path.glob("*/*/summary.json")] == before


def test_a_run_cut_short_is_kept_beside_and_run_again(tmp_path):
    cut = a_run(tmp_path / "arm" / "seed_0", [20], ended="SIGTERM")
    (cut / "mine").write_text("kept")
    assert [*Experiment(tmp_path, [a("arm")], jobs=1).run()] == [a("arm")]
    (kept,) = (tmp_path / "arm").glob("seed_0_cut_short_*/mine")
    assert kept.read_text() == "kept"
    assert not (cut / "mine").exists()


def test_a_run_that_fails_tells_its_last_words_and_the_others_go_on(tmp_path):
    runs = [a("bad", 0, "--fails=here"), a("odd", 0, "--ended=SIGTERM"), a("good")]
    experiment = Experiment(tmp_path, runs, jobs=1)
    assert [*experiment.run()] == [a("good")]
    with pytest.raises(BenchError) as caught:
        experiment.check()
    told = str(caught.value)
    assert "bad, seed 0, ended with status 3: something here (see " in told
    assert f"odd, seed 0, has left no finished run in {tmp_path / 'odd' / 'seed_0'}" in told


def test_a_run_with_other_options_is_not_taken_for_this_one(tmp_path):
    assert [*Experiment(tmp_path, [a("arm", 0, "--ticks=3")], jobs=1).run()]
    experiment = Experiment(tmp_path, [a("arm", 0, "--ticks=4")], jobs=1)
    assert [*experiment.run()] == []
    with pytest.raises(BenchError, match=r"other options \(--ticks=3, --ticks=4\): name another"):
        experiment.check()
    a_run(tmp_path / "old" / "seed_0", [20])  # of a version that noted nothing
    assert [*Experiment(tmp_path, [a("old")], jobs=1).run()] == [a("old")]


def test_versions_and_hardware_are_noted_as_they_were_at_the_start(tmp_path):
    (run,) = Experiment(tmp_path, [a("arm")], jobs=2).run()
    noted = started.noted(tmp_path / run.place)
    assert noted["options"] == ["--seed=0"]
    assert {"hil-app", "python", "torch", "mujoco"} <= {*noted["versions"]}
    assert noted["versions"]["python"] == sys.version.split()[0]
    assert noted["hardware"]["cores"] == os.cpu_count()
    assert noted["hardware"]["jobs"] == 2
    assert noted["hardware"]["cpu"]


def test_those_under_way_are_ended_with_the_experiment(tmp_path):
    sleeps = (sys.executable, "-c", "import time; time.sleep(60)")
    runs = [
        Run("sleeps", 0, (), sleeps),
        a("quick"),
        *(Run("sleeps", i, (), sleeps) for i in (1, 2)),
    ]
    experiment = Experiment(tmp_path, runs, jobs=2)
    going = experiment.run()
    assert next(going) == a("quick")
    with pytest.raises(KeyboardInterrupt):
        going.throw(KeyboardInterrupt)
    assert not (tmp_path / "sleeps/seed_2.log").exists()
    assert experiment.under_way() == {}


def test_a_training_is_by_the_protocol():
    run = training("arm", 3, ["--train.ticks=9"])
    assert run.options == ("--train.ticks=9", *protocol(3))
    assert "--seed=3" in run.options
    assert run.program[-1] == "train"


def test_an_end_of_the_program_ends_what_it_started(tmp_path: Path) -> None:
    options = ("--tasks=reach", "--seeds=1", f"--output_dir={tmp_path / 'out'}")
    bench = subprocess.Popen(
        [sys.executable, "-m", "hil_app", "bench", "hil", *options], stderr=subprocess.DEVNULL
    )
    child = f"/proc/{bench.pid}/task/*/children"
    until(lambda: any(Path(at).read_text().split() for at in glob(child)))
    (started,) = {int(one) for at in glob(child) for one in Path(at).read_text().split()}
    bench.terminate()
    assert bench.wait(60) == 128 + signal.SIGTERM
    until(lambda: not Path(f"/proc/{started}").exists())
