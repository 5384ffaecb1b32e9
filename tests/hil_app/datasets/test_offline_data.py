"""Trainings that learn from recorded datasets."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from reported import written
from rich.console import Console
from safetensors.torch import load_file
from sample_runs import tiny

from configs.load import merge
from hil_app.__main__ import main
from hil_app.control.monitor import Loading, Monitor, Stage
from hil_app.learning.learner import Learner
from hil_app.operator.view import View
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.runs import demonstrations as offline_data
from hil_app.runs.folder import find_checkpoint
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.events import EventLog

ALONE: dict[str, Any] = {"teleop": None, "train": {"demonstrations": 0}, "eval": {"episodes": 0}}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of a short run: two demonstrations, and the policy with the operator's help."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    train(tiny(folder, train={"ticks": 100}, eval={"episodes": 0}))
    return folder / "dataset"


def train(config: Any) -> tuple[Training, list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []
    with Session(config, "train") as session:
        session.events.listeners.append(lambda event: heard.append(written(event)))
        training = Training(session)
        training.run()
    return training, heard


def alone(folder: Path, *datasets: Any, **changes: Any) -> Any:
    """A run without anybody, that learns from datasets."""
    return tiny(folder, **merge(merge(ALONE, {"learner": {"datasets": datasets}}), changes))


def screen(terminal: bool) -> Console:
    file = io.StringIO()
    return Console(record=True, force_terminal=terminal, width=80, file=file, _environ={})


def offline(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(find_checkpoint(folder) / "offline.safetensors")


def is_intervention(root: Path) -> int:
    dataset = Dataset(root)
    columns = [dataset.columns(episode.index) for episode in dataset.episodes]
    return sum(int(each["intervention"].sum()) for each in columns)


def test_a_run_needs_nobody_to_show_the_task(recorded: Path, tmp_path: Path) -> None:
    training, heard = train(alone(tmp_path / "run", str(recorded)))
    frames = len(Dataset(recorded))
    assert training.learner.progress.offline == frames
    assert training.learner.progress.updates > 0
    rows = offline(tmp_path / "run")
    dataset = Dataset(recorded)
    actions = [dataset.columns(episode.index)["action"] for episode in dataset.episodes]
    assert rows["rows.action"].numpy().tobytes() == b"".join(each.tobytes() for each in actions)
    loaded = next(event for event in heard if event["event"] == "datasets_loaded")
    assert loaded["rows"] == frames
    names = [event["event"] for event in heard]
    assert names.index("datasets_loaded") < names.index("episode")  # before anything moves


def test_recorded_demonstrations_are_the_rows_that_live_ones_were(
    recorded: Path, tmp_path: Path
) -> None:
    train(alone(tmp_path / "run", str(recorded)))
    live, again = offline(recorded.parent), offline(tmp_path / "run")
    episodes = Dataset(recorded).episodes
    shown = sum(episode.length for episode in episodes if episode.stage == "demonstrate")
    names = [name for name in live if name.startswith("rows.")]
    assert shown > 10
    assert len(names) == 11
    for name in names:
        one, two = live[name][:shown], again[name][:shown]
        if name.endswith("discrete_penalty"):  # summed from float32, as the format has it
            assert torch.allclose(one, two, rtol=0, atol=1e-8)
        else:
            assert torch.equal(one, two), name


def test_demonstrations_and_several_datasets_go_together(recorded: Path, tmp_path: Path) -> None:
    wanted = {"root": str(recorded), "only": "interventions", "weight": 3}
    training, _ = train(
        tiny(
            tmp_path / "run",
            learner={"datasets": [str(recorded.parent), wanted]},
            eval={"episodes": 0},
        )
    )
    rows = offline(tmp_path / "run")
    frames, helped = len(Dataset(recorded)), is_intervention(recorded)
    assert 0 < helped < frames
    assert rows["weights"][: frames + helped].tolist() == [1] * frames + [3] * helped
    assert set(rows["weights"][frames + helped :].tolist()) == {1}
    own = Dataset(tmp_path / "run/dataset")
    shown = sum(episode.length for episode in own.episodes if episode.stage == "demonstrate")
    assert shown > 0
    assert len(rows["rows.reward"]) >= frames + helped + shown
    assert training.learner.progress.updates > 0


def test_rows_are_summed_as_the_learner_sums_its_own(recorded: Path, tmp_path: Path) -> None:
    train(alone(tmp_path / "run", str(recorded), learner={"n_steps": 3}))
    discounts = offline(tmp_path / "run")["rows.complementary_info.discount"]
    gamma = tiny(tmp_path).algorithm.discount
    assert torch.unique(discounts).tolist() == pytest.approx([gamma**k for k in (3, 2, 1)])


def test_a_run_that_goes_on_does_not_load_them_again(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shutil.copytree(recorded, tmp_path / "copy")
    config = alone(tmp_path / "run", str(root), train={"demonstrations": 0, "ticks": 80})
    count = Stage.frame
    session = Session(config, "train")

    def stopping(self: Stage, frame: Any) -> None:
        count(self, frame)
        if self.ticks == 50:
            session.stop.signal = 2

    with monkeypatch.context() as patch, session:
        patch.setattr(Stage, "frame", stopping)
        Training(session).run()
    before = offline(tmp_path / "run")
    shutil.rmtree(root)  # it need not even be there
    assert main(["train", "--resume=true", f"--output_dir={tmp_path / 'run'}"]) == 0
    after = offline(tmp_path / "run")
    assert len(before["rows.reward"]) == len(Dataset(recorded))
    for name in before.keys() - {"rng"}:
        assert torch.equal(before[name], after[name]), name


def test_ctrl_c_while_they_are_read_ends_the_run_and_nothing_moves(
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = alone(tmp_path / "run", str(recorded))
    add = Learner.begin_with
    with Session(config, "train") as session:
        training = Training(session)

        def interrupted(self: Learner, rows: Any, weight: float) -> int:
            next(rows)
            session.stop.signal = 2
            return add(self, rows, weight)

        monkeypatch.setattr(Learner, "begin_with", interrupted)
        training.run()
    assert training.learner.progress.offline == 0
    assert session.monitor.stages == []
    assert not (tmp_path / "run/checkpoints").exists()


def test_what_does_not_fit_is_refused_before_anything_is_written(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--train.demonstrations=0", f"--learner.datasets={recorded}", "--env.fps=25"]
    more = ["--processor.observation.joints=null", f"--output_dir={tmp_path / 'run'}"]
    assert main(["train", *options, *more]) == 1
    reported = capsys.readouterr().err
    assert reported.count("\n") == 1
    assert f"{recorded}: observation.state is " in reported
    assert "it has 10 frames a second, this config 25" in reported
    assert main(["train", *options[:1], f"--learner.datasets={tmp_path}/no", *more]) == 1
    assert f"{tmp_path}/no is no dataset" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_names_of_numbers_are_compared(recorded: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(recorded, tmp_path / "copy")
    info = json.loads((copy / "meta/info.json").read_text())
    info["features"]["action"]["names"][0] = "shoulder_pan.pos"
    (copy / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(
        DatasetError, match=r"action is shoulder_pan\.pos, delta_y, .* delta_x, del"
    ):
        Training(Session(alone(tmp_path / "run", str(copy)), "train"))


def test_more_than_the_buffer_holds_is_reported(recorded: Path, tmp_path: Path) -> None:
    _, heard = train(alone(tmp_path / "run", str(recorded), learner={"offline_capacity": 10}))
    reported = next(event["cause"] for event in heard if event["event"] == "datasets_too_large")
    assert (
        reported
        == f"{len(Dataset(recorded)) - 10} rows of them are lost: raise learner.offline_capac"
        "ity"
    )
    assert len(offline(tmp_path / "run")["rows.reward"]) == 10


def test_a_bar_shows_how_far_it_is_and_lines_elsewhere(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_data, "TELL_EVERY", 0.0)
    shown: dict[bool, str] = {}
    for terminal in (True, False):
        console = screen(terminal)
        config = alone(tmp_path / str(terminal), str(recorded))
        with Session(config, "train") as session, View(console, session.monitor, session.events):
            Training(session).run()
        shown[terminal] = " ".join(console.export_text().split())
    frames = len(Dataset(recorded))
    for text in shown.values():
        assert f"loading_datasets: {frames} frames of " in text
        assert f"datasets_loaded: {frames} rows to learn from, in " in text
    assert f"{frames} of {frames} frames read" in shown[False]
    assert "frames read" not in shown[True]


def test_the_bar_stands_for_the_share() -> None:
    console = screen(terminal=True)
    monitor = Monitor()
    view = View(console, monitor, EventLog())
    monitor.loading = Loading(total=400, frames=100)
    console.print(view.render())
    reported = console.export_text()
    assert "Recorded datasets are read" in reported
    assert "100 of 400 frames" in reported
