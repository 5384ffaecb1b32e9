"""Whole commands as a user runs them: a process of its own, its exit status, its files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from handbook import shape, told
from recordings import recorded
from safetensors.numpy import load_file
from waiting import until

SMALL = (
    "--env.control_time_s=4",  # 40 ticks
    "--train.demonstrations=3",
    "--train.ticks=100",
    "--train.save_every=40",
    "--eval.episodes=3",
    "--eval.video=false",
    "--learner.learning_starts=20",
    "--learner.batch_size=32",
    "--policy.hidden_dims=[16,16]",
    "--policy.latent_dim=16",
)

LONG = (*SMALL, "--train.ticks=400", "--train.save_every=60", "--train.keep_last=9")

Here = Callable[..., subprocess.CompletedProcess[str]]


def hil_app(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil_app", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hil_app", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Path, pattern: str, count: int) -> None:
    until(lambda: len(list(condition.glob(pattern))) >= count)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished training run, from another folder than the sources."""
    folder = tmp_path_factory.mktemp("demo")
    done = hil_app("demo", *SMALL, "--output_dir=out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (folder / "printed").write_text(done.stdout)
    return folder / "out"


def session(text: str) -> set[str]:
    """What kinds of lines a run prints: those of its table by their first cell."""
    rows = {line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")}
    lines = shape("\n".join(line for line in text.splitlines() if not line.startswith("│")))
    kinds = {re.sub(r"\bepisodes?\b", "episode", line) for line in lines}
    return {one for one in rows | kinds if one and not one.startswith(("in ", "run folder"))}


def test_the_readme_shows_a_session_as_it_is_printed(run: Path) -> None:
    shown = told("README.md", "hil-app", "demo").printed
    assert session(shown) == session((run.parent / "printed").read_text())


def test_a_demo_leaves_the_documented_folder(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "dataset",
        "events.jsonl",
        "learning.png",
        "metrics.jsonl",
        "summary.json",
    ]
    assert (run / "learning.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_has_the_documented_shape(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["ended"] == "finished"
    assert set(summary["eval"]) == {"success_rate", "episodes", "mean_ticks"}
    assert summary["eval"]["episodes"] == 3
    assert summary["train"]["ticks"] >= 100
    # 3-step returns: the first update comes with frame 22 at the latest, then one a tick
    assert 100 - 25 <= summary["train"]["updates"] <= summary["train"]["ticks"]
    assert set(summary["loop"]["lateness_ms"]) == {"p50", "p99", "max"}


def test_every_frame_is_recorded_and_flagged(run: Path) -> None:
    episodes = recorded(run)
    summary = json.loads((run / "summary.json").read_text())
    demonstrations, trained = episodes[:3], episodes[3:]
    assert all(e["complementary_info.is_intervention"].all() for e in demonstrations)
    assert sum(len(e["action"]) for e in trained) == summary["train"]["ticks"]
    assert not trained[0]["complementary_info.is_intervention"][:20].any()
    for episode in episodes:
        ends = episode["next.done"] | episode["next.truncated"]
        assert ends[-1]
        assert not ends[:-1].any()


def test_a_checkpoint_is_judged_again_with_the_same_result(run: Path, here: Here) -> None:
    *_, checkpoint = sorted((run / "checkpoints").iterdir())
    done = here("eval", "--checkpoint", str(checkpoint), "--output_dir=again", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    again = json.loads((run.parent / "again" / "summary.json").read_text())
    assert again["eval"] == json.loads((run / "summary.json").read_text())["eval"]


def test_eval_leaves_a_report_in_the_folder_of_its_run_and_no_folder_of_its_own(run: Path) -> None:
    there = set(run.parent.iterdir())
    options = ("--eval.episodes=1", "--eval.video=true", "--env.control_time_s=1")
    options += ("--robot.randomize=full",)
    done = hil_app("eval", "out", *options, cwd=run.parent)
    assert (done.returncode, done.stderr) == (0, "")
    updates = json.loads((run / "summary.json").read_text())["train"]["updates"]
    *_, checkpoint = sorted((run / "checkpoints").iterdir())
    assert done.stdout.splitlines()[0] == f"evaluating {checkpoint}: {updates} updates"
    report, video = sorted((run / "evaluations").iterdir())
    assert (report.suffix, video.suffix, video.stem) == (".json", ".mp4", report.stem)
    assert done.stdout.splitlines()[-1] == f"report: {report.absolute()}, {video.absolute()}"
    found = json.loads(report.read_text())
    assert (found["eval"]["episodes"], found["config"]["eval"]["episodes"]) == (1, 1)
    assert found["config"]["robot"]["randomize"] == "full"
    assert set(run.parent.iterdir()) == there


def test_runs_lists_a_real_run(run: Path) -> None:
    done = hil_app("runs", str(run.parent), cwd=run.parent)
    trained = json.loads((run / "summary.json").read_text())["train"]
    figures = ("out", "pick_lift", *(str(trained[key]) for key in ("ticks", "updates", "episodes")))
    assert (done.returncode, done.stdout.splitlines()[1].split()[: len(figures)]) == (0, [*figures])


def test_what_eval_cannot_take_is_one_line(run: Path, here: Here) -> None:
    *_, checkpoint = sorted((run / "checkpoints").iterdir())
    for options, said in (
        (("--checkpoint", str(run), "--which=best"), f"the last one is {checkpoint}"),
        ((str(run), "--checkpoint", str(checkpoint)), "RUN is given twice"),
        (("--checkpoint", str(run), "--processor.observation.joints=all"), "trained on"),
    ):
        done = here("eval", *options, "--output_dir=other", cwd=run.parent)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert said in done.stderr
    assert not (run.parent / "other").exists()


def check_same(ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """The same episodes, bit for bit."""
    assert len(ours) == len(others) > 3
    for number, (one, other) in enumerate(zip(ours, others, strict=True)):
        assert one.keys() == other.keys()
        for name, values in one.items():
            assert values.tobytes() == other[name].tobytes(), (number, name)


def check_gone_on(out: Path, whole: Path) -> None:
    """A run that was resumed is the one that nothing has cut off, bit for bit."""
    last = max((whole / "checkpoints").iterdir()).name
    files = [*(whole / "checkpoints" / last).rglob("*.safetensors")]
    assert len(files) > 5  # the policy, the algorithm, the buffers
    for file in files:
        ours, other = load_file(out / file.relative_to(whole)), load_file(file)
        assert ours.keys() == other.keys()
        for name, values in other.items():
            assert ours[name].tobytes() == values.tobytes(), (file, name)
    check_same(recorded(out), recorded(whole))
    one, two = (json.loads((folder / "summary.json").read_text()) for folder in (out, whole))
    for summary in (one, two):
        del summary["seconds"], summary["loop"], summary["dataset"]
    assert one == two


def test_lockstep_repeats_a_run_bit_for_bit_though_it_is_killed(run: Path, tmp_path: Path) -> None:
    """By SIGKILL, amid an episode after a checkpoint: nothing is left but what the disk has."""
    program = """
import os, signal, sys, time
from pathlib import Path
from hil_app.__main__ import main
from hil_app.learning import SACAlgorithm
genuine = SACAlgorithm.update
def update(self, batches):
    if self.optimization_step == 40:
        while not list(Path("out/checkpoints").glob("tick_000040/manifest.json")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return genuine(self, batches)
SACAlgorithm.update = update
main(["train", *sys.argv[1:]])
"""
    command = [sys.executable, "-c", program, *SMALL, "--output_dir=out"]
    killed = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=200, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    out = tmp_path / "out"
    assert not (out / "summary.json").exists()
    done = hil_app("train", "--resume=true", "--output_dir=out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    check_gone_on(out, run)


@pytest.mark.slow
@pytest.mark.parametrize("checkpoints", [1, 3])
def test_a_long_run_that_is_killed_at_any_time_goes_on_bit_for_bit(
    tmp_path: Path, checkpoints: int
) -> None:
    done = hil_app("train", *LONG, "--output_dir=whole", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    process = start("train", *LONG, "--output_dir=out", cwd=tmp_path)
    try:
        wait_for(out / "checkpoints", "tick_*/manifest.json", checkpoints)
        time.sleep(0.3)  # somewhere in the middle of an episode
    finally:
        process.kill()
        process.communicate()
    assert not (out / "summary.json").exists()
    done = hil_app("train", "--resume=true", "--output_dir=out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    check_gone_on(out, tmp_path / "whole")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_ends_a_run_whole(number: signal.Signals, tmp_path: Path, here: Here) -> None:
    options = (*SMALL, "--train.ticks=1000000", "--output_dir=out")
    process = start("train", *options, cwd=tmp_path)
    try:
        wait_for(tmp_path / "out" / "dataset" / "data", "*/*.parquet", 6)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number, errors
    assert errors == ""
    episodes = recorded(tmp_path / "out")
    assert episodes[-1]["next.truncated"][-1] or episodes[-1]["next.done"][-1]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["ended"] == number.name
    assert sum(len(e["action"]) for e in episodes[3:]) == summary["train"]["ticks"]
    again = here("eval", "--checkpoint", "out", "--eval.episodes=1", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    more = f"--train.ticks={summary['train']['ticks'] + 1}"
    resumed = here("train", "--resume=true", "--output_dir=out", more, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["ended"] == "finished"


def test_a_dead_learner_ends_the_run_safely_with_its_cause_on_one_line(
    tmp_path: Path, here: Here
) -> None:
    program = """
import sys
from hil_app.__main__ import main
from hil_app.learning import SACAlgorithm
genuine = SACAlgorithm.update
def update(self, batches):
    if self.optimization_step == 30:
        raise RuntimeError("injected fault 30")
    return genuine(self, batches)
SACAlgorithm.update = update
status = main(["train", *sys.argv[1:]])
print("torch._dynamo" in sys.modules)
sys.exit(status)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *SMALL, "--output_dir=out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "hil-app: the learner died: RuntimeError: injected fault 30\n"
    assert done.stdout.splitlines()[-1] == "False"  # the compiler, which nothing here needs
    out = tmp_path / "out"
    episodes = recorded(out)
    assert episodes[-1]["next.truncated"][-1]  # the one under way, kept and marked
    assert "injected fault 30" in json.loads((out / "summary.json").read_text())["ended"]
    assert here("eval", "--checkpoint", "out", cwd=tmp_path).returncode == 0


def test_a_background_learner_trains_a_paced_loop(tmp_path: Path) -> None:
    options = (*SMALL, "--learner.mode=background", "--env.paced=true", "--env.fps=100")
    options = (*options, "--train.demonstrations=1")
    more = ("--train.ticks=200", "--env.control_time_s=1", "--eval.episodes=1", "--output_dir=out")
    more = (*more, "--train.count_demonstrations=all")  # a second is short
    done = hil_app("train", *options, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["train"]["updates"] > 0
    assert summary["train"]["weights_version"] > 0
    assert summary["loop"]["lateness_ms"]["p50"] >= 0


def test_camera_images_are_recorded_cropped_and_resized(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="OpenCV's libraries are missing", exc_type=ImportError)
    options = (*SMALL, "--train.ticks=10", "--train.demonstrations=1", "--eval.episodes=0")
    options = (*options, "--env.control_time_s=2", "--train.count_demonstrations=all")
    camera = ("--robot.cameras.eye.view=wrist", "--robot.cameras.eye.width=96")
    framing = ("--processor.images.resize=[48,40]", "--processor.images.crop.eye=[10,4,96,80]")
    done = hil_app("train", *options, *camera, *framing, "--output_dir=out", cwd=tmp_path)
    if "Cannot draw the twin" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    episode = recorded(tmp_path / "out")[0]
    images = episode["observation.images.eye"]
    assert images.shape == (len(episode["action"]) + 1, 48, 40, 3)
    assert images.dtype == "uint8"
    assert images.std() > 5  # not blank


def test_a_machine_without_opengl_runs_all_but_the_video(tmp_path: Path) -> None:
    options = (*SMALL, "--eval.video=true", "--train.ticks=30", "--output_dir=out")
    options += ("--eval.episodes=1", "--env.control_time_s=2", "--train.demonstrations=1")
    done = hil_app("demo", *options, cwd=tmp_path, __EGL_VENDOR_LIBRARY_FILENAMES="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "no video: Cannot draw the twin" in done.stdout
    assert "libegl1" in done.stdout
    assert not (tmp_path / "out" / "evaluation.mp4").exists()


def test_config_show_prints_what_config_path_takes(tmp_path: Path, here: Here) -> None:
    first = hil_app("config", "show", "--env.fps=20", "--robot.type=so100_sim", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (tmp_path / "mine.yaml").write_text(first.stdout)
    second = here("config", "show", "--config_path=mine.yaml", cwd=tmp_path)
    assert second.stdout == first.stdout
    assert "fps: 20.0" in second.stdout
    assert "type: so100_sim" in second.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--env.fsp=3"], "env.fsp: unknown key (did you mean fps?)"),
        (["train", "--robot.type=so200"], "allowed: gymnasium, so100, so100_sim, so101, so101_sim"),
        (["train", "--env.fps=-1"], "env.fps"),
        (["train", "--config_path=nowhere.yaml"], "sim_pick_lift"),
        (["train", "--config_path=so101_pick"], "(did you mean so101_pick_lift?); presets: "),
        (["train", "--teleop=null"], "train.demonstrations"),
        (["eval"], "no trained run"),
        (["eval", "--checkpoint=nowhere"], "no run's folder"),
        (["bench", "step", "--ticks=many"], "--ticks"),
        (["frobnicate"], "commands: demo, train"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], said: str, tmp_path: Path, here: Here
) -> None:
    done = here(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_a_process_in_one_line(tmp_path: Path) -> None:
    done = hil_app("train", "--env.fsp=3", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("hil-app: env.fsp: unknown key")


def test_an_old_run_is_never_written_over(run: Path, here: Here) -> None:
    before = (run / "summary.json").read_bytes()
    done = here("train", *SMALL, f"--output_dir={run}", cwd=run.parent)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert (run / "summary.json").read_bytes() == before


def test_help_teaches(tmp_path: Path) -> None:
    assert "hil-app demo" in hil_app("--help", cwd=tmp_path).stdout
    shown = hil_app("train", "--help", cwd=tmp_path).stdout
    assert "--robot.type=so101_sim     The robot's name: gymnasium, so100," in shown
    assert "--train.ticks=3000         Length of the training [ticks]" in shown
    assert hil_app("train", "--help=env", cwd=tmp_path).stdout.count("--env.fps=10.0 ") == 1
    for words in ("", "train --help=all"):
        first = f"'{sys.executable}' -m hil_app {words} --help | head -1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", first], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode in (0, 141)  # by a signal that says that nobody reads
        assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_bench_step_prints_json(tmp_path: Path) -> None:
    done = hil_app("bench", "step", "--ticks=60", "--json", "--output_dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == result
    assert (tmp_path / "out" / "config.yaml").exists()
    assert result["ticks"] >= 60
    assert 0 < result["tick_ms"]["p50"] <= result["tick_ms"]["p99"] <= result["tick_ms"]["max"]
    assert {"intervention", "inverse kinematics", "gripper penalty"} <= set(result["steps_ms"])


def test_bench_loop_prints_json(tmp_path: Path) -> None:
    done = hil_app("bench", "loop", "--turns=1", "--seconds=1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert list(result["lateness_ms"]) == ["off", "thread", "process"]
    assert list(result["updates_per_s"]) == ["off", "thread", "process"]
    assert result["updates_per_s"]["off"] == 0 < result["updates_per_s"]["thread"]


@pytest.mark.parametrize(
    "option",
    ["--learner.device=abacus", "--policy.vision_encoder_weights=/no/such.safetensors"],
)
def test_a_run_that_cannot_be_built_is_one_line_and_leaves_no_folder(
    tmp_path: Path, option: str, here: Here
) -> None:
    camera = "--robot.cameras.front.width=32"
    ended = here("train", *SMALL, camera, option, "--output_dir=run", cwd=tmp_path)
    assert ended.returncode in (1, 2)
    assert ended.stderr.count("\n") == 1
    assert option.partition("=")[0].removeprefix("--") in ended.stderr
    assert not (tmp_path / "run").exists()
