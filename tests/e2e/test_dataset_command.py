"""``hil-app dataset`` as an operator uses it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from matplotlib import image
from sample_datasets import CAMERAS, write_dataset
from virtual_arms import virtual_arm

from hil_app.__main__ import main
from hil_app.recording.dataset import Dataset

Here = Callable[..., subprocess.CompletedProcess[str]]

RECORD = (
    "--dataset.num_episodes=2",
    "--output_dir=lift",
    "--robot.cameras.front.width=32",
    "--robot.cameras.front.height=32",
)
CRASH = """
import os, sys
from pathlib import Path
from sample_datasets import episode, spec
from hil_app.recording.writer import DatasetWriter
writer = DatasetWriter(Path(sys.argv[1]), spec())
for frame in episode(3, 8)[:5]:
    writer.add(frame, "record")
os._exit(9)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil_app", *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def dataset(folder: Path, *arguments: str) -> str:
    done = run(folder, "dataset", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def printed(here: Here) -> Callable[..., str]:
    """The same in this process, which is fast."""

    def dataset(folder: Path, *arguments: str) -> str:
        done = here("dataset", *arguments, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return dataset


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Why a command does not work; in this process, which is fast."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)

    def why(folder: Path, *arguments: str) -> str:
        monkeypatch.chdir(folder)
        status = main(["dataset", *arguments])
        said = capsys.readouterr().err
        assert status in (1, 2)
        assert said.startswith("hil-app: ")
        assert said.count("\n") == 1
        return said

    return why


def copied(folder: Path, there: Path) -> Path:
    (root,) = (path.parent.parent for path in folder.glob("*/meta/info.json"))
    return Path(shutil.copytree(root, there / "copy"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small dataset."""
    folder = tmp_path_factory.mktemp("datasets")
    write_dataset(folder / "small")
    return folder


def test_info_shows_figures_and_bars(folder: Path) -> None:
    output = dataset(folder, "info", "small")
    for said in ("3 (3 record)", "19 at 30 Hz", "▆█▄", "2 of 3 (67%)", "█·█", "26.3%", "▃▂▃"):
        assert said in output
    assert f"{CAMERAS[0]} 80x64 h264" in output


def test_info_gives_figures_to_programs(folder: Path, printed: Callable[..., str]) -> None:
    found = json.loads(printed(folder, "info", "small", "--json"))
    assert found["length"] == {"min": 4, "median": 6, "max": 9}
    assert (found["lengths"], found["interventions"]) == ([6, 9, 4], [2, 2, 1])
    assert found["success_rate"] == pytest.approx(2 / 3)


def test_view_draws_a_sheet_for_each_episode(folder: Path, printed: Callable[..., str]) -> None:
    assert printed(folder, "view", "small") == "3 figures: figures\n"
    names = sorted(path.name for path in (folder / "figures").iterdir())
    assert names == [f"episode_00000{number}.png" for number in range(3)]


def test_info_shows_what_it_can_and_fails_where_it_cannot(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(folder, tmp_path)
    assert main(["dataset", "info", str(root)]) == 0
    path = root / "meta/info.json"
    content = json.loads(path.read_text())
    content["total_frames"] += 1
    content["features"]["observation.state"]["dtype"] = "banana"
    path.write_text(json.dumps(content))
    (root / "data/chunk-000/file-001.parquet").write_bytes(b"PAR1")
    capsys.readouterr()
    assert main(["dataset", "info", str(root), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    counts, kind, damaged = said["faults"]
    assert counts == (
        "meta/info.json counts 20 frames, but the episodes have 19: set total_frames right"
    )
    assert kind == "observation.state is of the kind banana, which is no number"
    assert "file-001.parquet is damaged" in damaged
    assert said["lengths"] == [6, 9, 4]
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert main(["dataset", "repair", str(root)]) == 1
    assert "kind banana, which is never recorded: nothing was changed" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_view_leaves_out_an_episode_that_cannot_be_read_and_draws_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(folder, tmp_path)
    (root / "videos/observation.images.wrist/chunk-000/file-001.mp4").write_bytes(b"nothing")
    assert main(["dataset", "view", str(root), "--out", str(tmp_path / "figures")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("left out: episode 1, frame 0, observation.images.wrist: ")
    assert "2 figures: " in said.out
    drawn = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert drawn == ["episode_000000.png", "episode_000002.png"]
    alone = ["dataset", "view", str(root), "--episode", "1", "--out", str(tmp_path / "none")]
    assert main(alone) == 1


def test_crop_writes_a_copy_and_the_lines_of_the_config(folder: Path, here: Here) -> None:
    output = dataset(
        folder, "crop", "small", "--out=new", "--roi=wrist=16,0,48,64", "--resize=32,40"
    )
    copy = Dataset(folder / "new")
    assert [about.length for about in copy.episodes] == [6, 9, 4]
    assert next(copy.images(0, "wrist")).shape == (32, 40, 3)
    lines = output[output.index("processor:") :].rstrip("\n")
    (folder / "crop.yaml").write_text(lines)
    cameras = [f"--robot.cameras.wrist.{name}" for name in ("view=wrist", "width=80", "height=64")]
    cameras.append("--robot.type=so101_sim")
    shown = here("config", "show", "--config_path=crop.yaml", *cameras, cwd=folder)
    assert shown.returncode == 0, shown.stderr
    settings = [line.strip() for line in shown.stdout.splitlines()]
    start = settings.index("wrist:", settings.index("crop:"))
    assert settings[start + 1 : start + 5] == ["- 16", "- 0", "- 48", "- 64"]


def test_repair_brings_back_what_a_crash_left(tmp_path: Path, printed: Callable[..., str]) -> None:
    write_dataset(tmp_path / "data")
    tests = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": f"{tests}{os.pathsep}{Path(tests).parent}"}
    crash = [sys.executable, "-c", CRASH, str(tmp_path / "data")]
    assert subprocess.run(crash, env=environment, check=False).returncode == 9
    os.utime(tmp_path / "data/recovery/episode.journal", (1e9, 1e9))
    assert "an episode with 5 frames so far, last added to" in " ".join(
        printed(tmp_path, "info", "data").replace("│", " ").split()
    )
    output = dataset(tmp_path, "repair", "data")
    assert "brought back episode 3 with 4 frames: its last frame is marked as truncated" in output
    assert output.endswith("data: 4 of 4 episodes can be read\n")
    assert printed(tmp_path, "repair", "data").startswith("nothing to repair\n")
    assert "1 episode after a crash: 3" in printed(tmp_path, "info", "data")


def test_repair_names_what_only_a_copy_brings_back(tmp_path: Path, here: Here) -> None:
    write_dataset(tmp_path / "data")
    (tmp_path / "data/videos/observation.images.front/chunk-000/file-001.mp4").unlink()
    done = here("dataset", "repair", "data", cwd=tmp_path)
    assert done.returncode == 1
    assert "damaged: episode 1: " in done.stdout
    assert done.stdout.endswith("data: 2 of 3 episodes can be read\n")


@pytest.fixture(scope="module")
def lifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that recorded two episodes, in lift/dataset."""
    folder = tmp_path_factory.mktemp("lifted")
    with chdir(folder):
        assert main(["record", *RECORD]) == 0
    return folder


def test_replay_does_it_again_on_the_twin(lifted: Path) -> None:
    """The run's own config is known; the scene is its own, too, so the cube is lifted again."""
    output = dataset(lifted, "replay", "lift", "--episode=1", "--output_dir=again")
    length = Dataset(lifted / "lift/dataset").episodes[1].length
    said = f"replayed: {length} of {length} frames; targets as recorded; joints as recorded; a succ"
    assert said in output
    lines = (lifted / "again/events.jsonl").read_text().splitlines()
    (reported,) = [e for line in lines if (e := json.loads(line))["event"] == "replayed"]
    assert (reported["targets"]["max"], reported["success"]) == (0, True)
    taken = json.loads((lifted / "again/summary.json").read_text())
    assert taken["loop"]["lateness_ms"]["p50"] is not None, "at the recorded rate"
    assert taken["seconds"]["replay"] >= length / 10


def test_a_simulated_replay_may_be_as_fast_as_it_can(
    lifted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(lifted)
    fast = ("--env.paced=false", "--what=joints", "--output_dir=fast")
    assert main(["dataset", "replay", "lift", "--episode=0", *fast]) == 0
    assert "targets as recorded" in capsys.readouterr().out
    summary = json.loads((lifted / "fast/summary.json").read_text())
    assert summary["loop"]["lateness_ms"]["p50"] is None


def test_a_replay_that_would_be_another_motion_is_refused(
    lifted: Path, refused: Callable[..., str]
) -> None:
    replay = ("replay", "lift", "--episode=0", "--output_dir=other")
    assert "--env.fps=10" in refused(lifted, *replay, "--env.fps=20")
    said = refused(lifted, *replay, "--processor.step_size=[0.01,0.02,0.02]")
    assert "are not the recorded motion" in said
    assert not (lifted / "other").exists()


@pytest.mark.slow
def test_a_replay_on_the_hardware_path(tmp_path: Path) -> None:
    """In real time, over a serial port; where the arm stood at first is found out."""
    with virtual_arm("--arm=so100", "--world=sim_pick_lift_pixels", "--camera-port=0") as running:
        found = re.search(r"http://127.0.0.1:\d+", running.ready)
        assert found is not None
        config = ["--config_path=so100_pick_lift", f"--robot.port={running.port}"]
        cameras = {n: f"--robot.cameras.{n}.index_or_path" for n in ("front", "wrist")}
        config += [f"{option}={found[0]}/{name}" for name, option in cameras.items()]
        done = run(tmp_path, "record", *config, "--dataset.num_episodes=1", "--output_dir=recorded")
        assert done.returncode == 0, done.stderr
        for what in ("actions", "joints"):
            options = ("--episode=0", f"--what={what}", f"--output_dir={what}")
            dataset(tmp_path, "replay", "recorded", *options)
            lines = (tmp_path / what / "events.jsonl").read_text().splitlines()
            (reported,) = [e for line in lines if (e := json.loads(line))["event"] == "replayed"]
            assert reported["frames"] == reported["of"]
            assert reported["targets"]["mean"] < 3  # a busy machine makes the arm lag, and be held
        assert running.arm.report()["violations"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["info", "nowhere"], "nowhere is no dataset: there is no such folder"),
        (["info", "."], "is no dataset: it has no meta/info.json"),
        (["info"], "required: ROOT (see hil-app dataset info --help)"),
        (
            ["inspect", "small"],
            "commands: info, view, replay, edit, crop, convert, repair, push, pull",
        ),
        (["view", "small", "--episode=3"], "has no episode 3; it has 0 to 2"),
        (["view", "small", "--out=all.png"], "name a folder, or one --episode"),
        (["replay", "small", "--episode=0"], "name that run's config.yaml, or the preset"),
        (["replay", "nowhere", "--episode=0"], "nowhere is no dataset"),
        (["replay", "small"], "required: --episode"),
        (
            ["replay", "small", "--episode=7", "--config_path=sim_pick_lift", "--env.fps=30"],
            "has no episode 7; it has 0 to 2",
        ),
        (["crop", "small", "--out=small", "--resize=32,32"], "small is not empty"),
        (["crop", "small", "--out=never", "--roi=0,0,9,9"], "is no CAMERA=TOP,LEFT,HEIGHT,WIDTH"),
        (["crop", "small", "--out=never", "--roi=top=0,0,8,8"], "has no camera top"),
        (["crop", "small", "--out=never"], "there is no screen to choose front's part on"),
        (["repair", "nowhere"], "nowhere is no dataset"),
        (["push", "small", "--repo=lift"], "it is USER/NAME"),
        (["pull", "ann/lift", "--out=small"], "small is not empty"),
    ],
    ids=lambda value: "_".join(value[:2]) if isinstance(value, list) else "",
)
def test_errors_are_one_line(
    folder: Path, refused: Callable[..., str], arguments: list[str], said: str
) -> None:
    assert said in refused(folder, *arguments)
    assert not (folder / "never").exists()


def test_nothing_but_a_replay_loads_torch(folder: Path) -> None:
    commands = [
        ["info", "small"],
        ["view", "small", "--episode=1", "--out=one.png"],
        ["crop", "small", "--out=light", "--resize=32,40"],
        ["convert", "small", "--out=joints", "--as=joints"],
        ["repair", "small"],
        ["push", "small", "--repo=lift"],
    ]
    recorded = (
        "import sys; from hil_app.__main__ import main\n"
        f"for command in {commands}: main(['dataset', *command])\n"
        "print(sorted({'torch', 'mujoco', 'placo'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", recorded],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "1 figure: one.png" in done.stdout
    assert image.imread(folder / "one.png").shape[1] == 1300


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "--help"]) == 0
    output = capsys.readouterr().out
    for name in ("info", "view", "replay", "crop", "convert", "repair", "push", "pull"):
        assert f"  {name} " in output
        with pytest.raises(SystemExit) as done:
            main(["dataset", name, "--help"])
        assert done.value.code == 0
        assert f"hil-app dataset {name}" in capsys.readouterr().out
