"""What there is in a dataset, in figures and bars."""

import json
import os
from pathlib import Path

import pytest
from sample_datasets import CAMERAS, episode, spec, write_dataset

from hil_app.datasets.overview import overview
from hil_app.datasets.places import check_episode, check_new
from hil_app.datasets.sparkline import sparkline
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import INTERVENTION, INTERVENTION_TOO, SUCCESS, DatasetError
from hil_app.recording.writer import DatasetWriter
from hil_app.runs.folder import config_beside, dataset_of


def declared(root: Path, *without: str) -> None:
    """Have the dataset no longer say that it has these columns."""
    path = root / "meta/info.json"
    content = json.loads(path.read_text())
    content["features"] = {k: v for k, v in content["features"].items() if k not in without}
    path.write_text(json.dumps(content))


def test_the_figures_are_those_of_the_episodes(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    found = overview(tmp_path)
    assert (found.robot, found.fps, found.frames) == ("sim", 30, 19)
    assert found.lengths == [6, 9, 4]
    assert found.interventions == [2, 2, 1]  # frames 1 and 5 of each
    assert found.successes == [True, False, True]
    assert found.success_rate == pytest.approx(2 / 3)
    assert found.intervention_share == pytest.approx(5 / 19)
    assert (found.stages, found.tasks) == ({"record": 3}, {"lift the cube": 3})
    assert found.cameras == dict.fromkeys(CAMERAS, "80x64 h264")
    assert found.features["action"] == "float32 [4]"
    assert (found.recovered, found.open_episode) == ([], None)
    files = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert found.bytes == files


def test_stages_are_counted(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0)], "demonstrate")
    write_dataset(tmp_path, [episode(1), episode(2)], "train")
    assert overview(tmp_path).stages == {"demonstrate": 1, "train": 2}


def test_a_dataset_that_has_nothing_yet_has_figures_too(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path, spec())
    writer.add(episode(0)[0], "record")
    found = overview(tmp_path)
    assert (found.lengths, found.frames) == ([], 0)
    assert found.success_rate is None
    assert found.content()["length"] is None
    assert found.open_episode is not None
    assert found.open_episode.frames == 1
    writer.close()


def test_an_episode_under_way_is_noticed_and_not_counted(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    before = overview(tmp_path).bytes
    writer = DatasetWriter(tmp_path, spec())
    for frame in episode(3, 8)[:5]:
        writer.add(frame, "record")
    os.utime(tmp_path / "recovery/episode.journal", (1e9, 1e9))
    found = overview(tmp_path)
    writer.close()
    assert found.lengths == [6, 9, 4]
    assert found.open_episode is not None
    assert found.open_episode.frames == 5
    assert found.open_episode.seconds > 1e8
    assert found.bytes == before


def test_what_other_tools_do_not_record_is_not_made_up(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    declared(tmp_path, INTERVENTION, INTERVENTION_TOO, SUCCESS)
    found = overview(tmp_path)
    assert (found.interventions, found.intervention_share) == (None, None)


def test_the_other_name_of_interventions_counts_too(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    declared(tmp_path, INTERVENTION)
    assert overview(tmp_path).interventions == [2, 2, 1]


def test_lost_numbers_are_reported(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    (tmp_path / "data/chunk-000/file-001.parquet").unlink()
    found = overview(tmp_path)
    assert (found.frames, found.interventions) == (19, None)
    assert [
        fault.endswith("file-001.parquet is missing: restore it from a copy")
        for fault in found.faults
    ] == [True]


def test_bars_go_from_nothing_to_all() -> None:
    assert sparkline([0, 1, 4, 8], 8) == "·▂▅█"
    assert sparkline([], 8) == ""
    assert sparkline([0, 0], 0) == "··"


def test_many_values_share_a_bar() -> None:
    assert sparkline([0.0] * 300 + [1.0] * 300, 1.0, width=4) == "··██"


def test_a_runs_folder_stands_for_its_dataset(tmp_path: Path) -> None:
    write_dataset(tmp_path / "run/dataset")
    assert dataset_of(tmp_path / "run") == tmp_path / "run/dataset"
    assert dataset_of(tmp_path / "run/dataset") == tmp_path / "run/dataset"
    assert dataset_of(tmp_path) == tmp_path
    assert config_beside(tmp_path / "run/dataset") is None
    (tmp_path / "run/config.yaml").touch()
    assert config_beside(tmp_path / "run/dataset") == tmp_path / "run/config.yaml"


def test_an_episode_that_is_not_there_is_reported_with_those_that_are(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    dataset = Dataset(tmp_path)
    check_episode(dataset, 2)
    for wrong in (-1, 3):
        with pytest.raises(DatasetError, match=rf"has no episode {wrong}; it has 0 to 2"):
            check_episode(dataset, wrong)


def test_only_a_new_or_empty_folder_is_written_to(tmp_path: Path) -> None:
    check_new(tmp_path)
    check_new(tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="is not empty"):
        check_new(tmp_path)
    with pytest.raises(DatasetError, match="is a file"):
        check_new(tmp_path / "file")
