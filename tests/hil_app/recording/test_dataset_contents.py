"""What is in a dataset is read right, or the first thing that is wrong is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_datasets import ENV_STATE, IMAGES, SIZE, STATE, identified, write_dataset

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from hil_app.datasets.figure import draw_figure
from hil_app.datasets.overview import overview
from hil_app.datasets.to_buffer import Source, buffer_from_dataset, unsaid
from hil_app.learning import ACTION, GaussianActorPolicy
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.checksums import CHECKSUM
from hil_app.recording.format.layout import INTERVENTION, INTERVENTION_TOO, DatasetError
from hil_app.recording.format.tables import MOST_OF_PAGE, first_value, read_table
from hil_app.recording.mending.damage import damage

DATA, EPISODES = "data/chunk-000/file-001.parquet", "meta/episodes/chunk-000/file-000.parquet"
VIDEO = f"videos/{IMAGES}.wrist/chunk-000/file-001.mp4"
INPUTS = {
    STATE: PolicyFeature(FeatureType.STATE, (2,)),
    ENV_STATE: PolicyFeature(FeatureType.ENV, (3,)),
    f"{IMAGES}.wrist": PolicyFeature(FeatureType.VISUAL, (3, *SIZE)),
}
POLICY = GaussianActorPolicy(
    GaussianActorConfig(
        input_features=INPUTS,
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
        num_discrete_actions=3,
        latent_dim=4,
        hidden_dims=[4],
    )
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("good") / "dataset"
    write_dataset(root)
    return root


@pytest.fixture
def root(good: Path, tmp_path: Path) -> Path:
    shutil.copytree(good, tmp_path / "dataset")
    return tmp_path / "dataset"


def learned(root: Path) -> list[Any]:
    """The place of each row that is learned from, as its state and its image tell it."""
    buffer = buffer_from_dataset(Source(Dataset(root)), POLICY, 100)
    batch = buffer.at(range(len(buffer)))
    images = batch["state"][f"{IMAGES}.wrist"]
    seen = [identified(image.permute(1, 2, 0).numpy())[1:] for image in images]
    places = [(int(row[0]), int(row[1])) for row in batch["state"][ENV_STATE]]
    assert places == seen
    return places


ALL = [(e, n) for e, length in enumerate((6, 9, 4)) for n in range(length)]


def change(path: Path, key: str, values: Callable[[list[Any]], list[Any]]) -> None:
    table = pq.read_table(path, partitioning=None)
    found = pa.array(values(table[key].to_pylist()))
    at = table.column_names.index(key)
    pq.write_table(table.set_column(at, key, found.cast(table[key].type, safe=False)), path)


def cell(key: str, frame: int, value: Any, place: int | None = None) -> Callable[[Path], None]:
    """Another value in a frame of episode 1."""

    def values(found: list[Any]) -> list[Any]:
        if place is None:
            found[frame] = value
        else:
            found[frame][place] = value
        return found

    return lambda root: change(root / DATA, key, values)


def info(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        path = root / "meta/info.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return apply


def shuffled(root: Path) -> None:
    table = pq.read_table(root / DATA, partitioning=None)
    pq.write_table(table.take(pa.array([3, 1, 8, 0, 2, 7, 6, 5, 4])), root / DATA)


def in_one_file(root: Path) -> None:
    """All episodes in one file, the rows of all mixed."""
    files = sorted((root / "data").glob("*/*.parquet"))
    table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in files])
    for path in files[1:]:
        path.unlink()
    pq.write_table(table.sort_by([("frame_index", "descending")]), files[0])
    change(root / EPISODES, "data/file_index", lambda found: [0] * len(found))


def as_kind(key: str, kind: Any, name: str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        info(lambda content: content["features"][key].update(dtype=name))(root)
        for path in (root / "data").glob("*/*.parquet"):
            table = pq.read_table(path, partitioning=None)
            at = table.column_names.index(key)
            pq.write_table(table.set_column(at, key, table[key].cast(kind)), path)

    return apply


def strange(root: Path) -> None:
    """A column of a kind that nobody asked for."""
    add = {"dtype": "language", "shape": [1], "names": None}
    info(lambda content: content["features"].update(said=add))(root)
    for path in (root / "data").glob("*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        said = pa.array([[{"role": "user"}]] * len(table))
        pq.write_table(table.append_column("said", said), path)


def retyped(key: str, kind: Any) -> Callable[[Path], None]:
    """Another kind of number in the files than is declared, of the same values."""

    def apply(root: Path) -> None:
        for path in (root / "data").glob("*/*.parquet"):
            table = pq.read_table(path, partitioning=None)
            values = pa.array(table[key].to_pylist()).cast(kind, safe=False)
            pq.write_table(table.set_column(table.column_names.index(key), key, values), path)

    return apply


RIGHT: dict[str, Callable[[Path], None]] = {
    "rows out of order": shuffled,
    "episodes mixed": in_one_file,
    "a flag as float": as_kind("next.done", pa.float32(), "float32"),
    "a flag as int": as_kind("next.success", pa.int64(), "int64"),
    "another tool's column": strange,
    "rounding": cell("action", 2, 1.00001, 0),
    "decimals": retyped("next.reward", pa.decimal128(10, 3)),
    "decimals in lists": retyped(STATE, pa.list_(pa.decimal128(10, 3))),
    "twice as fine": retyped("action", pa.list_(pa.float64())),
    "half as fine": retyped(ENV_STATE, pa.list_(pa.float16())),
    "whole numbers as floats": retyped("frame_index", pa.float64()),
    "large lists": retyped(STATE, pa.large_list(pa.float32())),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_means_the_same_is_read_right(root: Path, name: str) -> None:
    RIGHT[name](root)
    assert learned(root) == ALL
    assert overview(root).faults == []


def feature(key: str, **changes: Any) -> Callable[[Path], None]:
    return info(lambda content: content["features"][key].update(changes))


def place(key: str, value: Any) -> Callable[[Path], None]:
    """Another place of episode 1."""
    return lambda root: change(root / EPISODES, key, lambda found: [found[0], value, found[2]])


def short_video(root: Path) -> None:
    shutil.copy(str(root / VIDEO).replace("001.mp4", "002.mp4"), root / VIDEO)


def piped(root: Path) -> None:
    (root / VIDEO).unlink()
    os.mkfifo(root / VIDEO)


def linked(root: Path) -> None:
    shutil.move(root / DATA, root.parent / "elsewhere.parquet")
    (root / DATA).symlink_to(root.parent / "elsewhere.parquet")


def playlist(root: Path) -> None:
    (root / VIDEO).write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")


def half_a_flag(root: Path) -> None:
    RIGHT["a flag as float"](root)
    cell("next.done", 3, 0.5)(root)


def twice(root: Path) -> None:
    table = pq.read_table(root / DATA, partitioning=None)
    pq.write_table(table.append_column(STATE, table[STATE]), root / DATA)


WHERE = r"episode 1, frame 3: "
WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "nan": (cell(STATE, 3, np.nan, 1), WHERE + r"observation.state\[1\] \(gripper.pos\) is nan"),
    "inf": (cell(ENV_STATE, 3, -np.inf, 0), WHERE + r"observation.env.*\[0\] .* is -inf"),
    "reward": (cell("next.reward", 3, np.nan), WHERE + "next.reward is nan"),
    "null": (cell("action", 3, None), WHERE + "action is missing"),
    "inner null": (cell("action", 3, None, 2), WHERE + "action is missing"),
    "motion": (
        cell("action", 3, 50.0, 1),
        WHERE + r"action\[1\] .* is 50, outside -1 to 1",
    ),
    **{
        f"gripper {v}": (
            cell("action", 3, v, 3),
            WHERE + rf"action\[3\] .* is {v}, but 0 closes",
        )
        for v in (-1, 0.37, 5)
    },
    "time": (cell("timestamp", 3, 9.0), WHERE + r"timestamp is 9 s, but at 30 .* 0.1 s"),
    "twice": (cell("frame_index", 3, 2), "episode 1 has the frame 2 twice"),
    "lost": (cell("frame_index", 8, 9), "episode 1 has the frame no 8"),
    "other episode": (cell("episode_index", 3, 0), "has 8 frames of episode 1, which had 9"),
    "half a flag": (half_a_flag, WHERE + "next.done is 0.5, but flags are 0 or 1"),
    "size": (feature(f"{IMAGES}.wrist", shape=[64, 96, 3]), "is 96x64 in the dataset, 80x64 in"),
    "no camera": (place(f"videos/{IMAGES}.wrist/file_index", None), "episode 1 has no images of"),
    "overlap": (place(f"videos/{IMAGES}.wrist/file_index", 0), "of episodes 0 and 1 overlap"),
    "late": (place(f"videos/{IMAGES}.wrist/from_timestamp", 0.2), "has 0.100 s, but its 9 frames"),
    "short video": (short_video, r"episode 1, frame 5, .*wrist: .*cut short: 5 images of 10"),
    "pipe": (piped, "is a pipe, not a file"),
    "link": (linked, "is a link that leads out of the dataset"),
    "playlist": (playlist, "is neither MP4 nor Matroska"),
    "column twice": (twice, f"has the column {STATE} twice"),
    "text": (retyped(STATE, pa.list_(pa.string())), f"{STATE} holds string, not numbers"),
    "last": (place(f"final/{STATE}", None), f"episode 1, frame 9: {STATE} is missing"),
    "no reward": (info(lambda c: c["features"].pop("next.reward")), "has no next.reward"),
    "no ends": (info(lambda c: c["features"].pop("next.done")), "has no next.done"),
    "depth": (
        feature(f"{IMAGES}.wrist", info={"is_depth_map": True}),
        "wrist is depth in",
    ),
    "banana": (feature(STATE, dtype="banana"), "observation.state is banana in the dataset"),
    "text flag": (feature("next.done", dtype="string"), "next.done is of the kind string"),
    "length": (place("length", None), "length of episode 1 is None"),
    "negative": (place("data/file_index", -1), "data/file_index of episode 1 is -1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_named_before_anything_is_learned(root: Path, name: str) -> None:
    damage, line = WRONG[name]
    damage(root)
    with pytest.raises(DatasetError, match=line) as caught:
        learned(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


UNREADABLE: dict[str, Callable[[Path], Any]] = {
    "null": cell(STATE, 3, None),
    "text": retyped(STATE, pa.list_(pa.string())),
    "column twice": twice,
    "wider": feature(STATE, shape=[3], names=None),
    "no video": lambda root: (root / VIDEO).unlink(),
    "short video": short_video,
    "smaller": feature(f"{IMAGES}.wrist", shape=[32, 40, 3]),
    "playlist": playlist,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_every_command_says_the_same_of_what_cannot_be_read(root: Path, name: str) -> None:
    UNREADABLE[name](root)
    assert overview(root).faults
    assert list(damage(Dataset(root)))
    with pytest.raises(DatasetError):
        draw_figure(Dataset(root), 1, root / "sheet.png")
    with pytest.raises(DatasetError):
        list(Dataset(root).frames(1))


def without_checksums(root: Path) -> None:
    """As other tools record, and this one did."""
    path = root / EPISODES
    table = pq.read_table(path, partitioning=None)
    named = [name for name in table.column_names if name.endswith(f"/{CHECKSUM}")]
    assert len(named) == 2
    pq.write_table(table.drop_columns(named), path)


def test_a_video_that_is_not_what_was_recorded_is_named_whatever_was_changed(root: Path) -> None:
    """H.264 has no checksums: half of such videos decode to wrong images without a word."""
    content, place = (root / VIDEO).read_bytes(), f"episode 1, {IMAGES}.wrist: "
    for at in range(0, len(content), len(content) // 15):
        hurt = bytearray(content)
        hurt[at] ^= 1
        (root / VIDEO).write_bytes(hurt)
        with pytest.raises(DatasetError, match=f"^{place}.* is not what was recorded"):
            list(Dataset(root).images(1, "wrist"))
        [line] = overview(root).faults
        assert line.startswith(place)
        assert line.count(place) == 1
        assert "is not what was recorded" in line
    [line] = damage(Dataset(root))
    assert line.startswith(place.replace(",", ":", 1))
    (root / VIDEO).write_bytes(content)
    assert learned(root) == ALL


def test_a_video_without_a_checksum_and_one_of_another_size_are_judged_by_their_images(
    root: Path,
) -> None:
    video = root / VIDEO
    video.write_bytes(video.read_bytes() + b"\0\0\0\x08free")  # joined by another tool, say
    assert learned(root) == ALL
    without_checksums(root)
    assert learned(root) == ALL


def test_a_dataset_without_checksums_is_gone_on_with(root: Path) -> None:
    without_checksums(root)
    write_dataset(root)
    columns = pq.read_table(root / EPISODES, partitioning=None).to_pydict()
    checksums = columns[f"videos/{IMAGES}.wrist/{CHECKSUM}"]
    assert checksums[:3] == [None] * 3
    assert all(checksums[3:])
    assert len(checksums) == len(Dataset(root).episodes) > 3


def test_an_image_that_a_codec_has_made_up_is_named(root: Path) -> None:
    without_checksums(root)
    good, content = list(Dataset(root).images(1, "wrist")), (root / VIDEO).read_bytes()
    first, end = content.index(b"mdat") + 900, content.index(b"moov") - 4  # a text comes first
    named: list[str] = []
    for place in range(first, end, max(1, (end - first) // 40)):
        hurt = bytearray(content)
        hurt[place] ^= 8
        (root / VIDEO).write_bytes(hurt)
        try:
            seen = list(Dataset(root).images(1, "wrist"))
        except DatasetError as error:
            named.append(str(error))
        else:
            assert all(abs(a.astype(int) - b).max() < 40 for a, b in zip(seen, good, strict=True))
    assert len(named) > 10
    assert all(line.startswith("episode 1, frame ") for line in named)


def test_a_file_may_have_no_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.float32())}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").num_rows == 0


def test_an_episode_may_have_no_frames(root: Path) -> None:
    table = pq.read_table(root / DATA, partitioning=None)
    pq.write_table(table.slice(0, 0), root / DATA)
    place("length", 0)(root)
    for camera in ("front", "wrist"):
        place(f"videos/{IMAGES}.{camera}/to_timestamp", 0.0)(root)
    assert learned(root) == [(e, n) for e, n in ALL if e != 1]
    with pytest.raises(DatasetError, match="episode 1 has no frames"):
        draw_figure(Dataset(root), 1, root / "sheet.png")


def test_a_reward_without_end_is_drawn(root: Path) -> None:
    cell("next.reward", 3, np.inf)(root)
    draw_figure(Dataset(root), 1, root / "sheet.png")


NO_INFO: dict[str, tuple[str, Any]] = {
    "episodes": ("total_episodes", 10**10),
    "wide": ("data_path", "data/{chunk_index:09999999999d}.parquet"),
    "unknown": ("data_path", "data/{foo}.parquet"),
    "attribute": ("data_path", "{chunk_index.__class__}.parquet"),
    "above": ("data_path", "../../elsewhere/file.parquet"),
    "root": ("data_path", "/"),
    "number": ("video_path", 5),
    "fps": ("fps", 10**400),
    "no fps": ("fps", 0),
    "flag": ("fps", True),
    "text": ("total_frames", "19"),
    "features": ("features", []),
}


@pytest.mark.parametrize("name", NO_INFO)
def test_an_info_that_cannot_be_is_refused_in_a_short_line(root: Path, name: str) -> None:
    key, value = NO_INFO[name]
    info(lambda content: content.update({key: value}))(root)
    with pytest.raises(DatasetError) as caught:
        Dataset(root)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200 + len(str(root))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    frame=st.integers(0, 8),
    place=st.integers(0, 3),
    value=st.floats(width=32) | st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0]),
)
def test_any_changed_number_of_an_action_can_be_done_or_is_named(
    good: Path, tmp_path_factory: pytest.TempPathFactory, frame: int, place: int, value: float
) -> None:
    root = tmp_path_factory.mktemp("hurt") / "dataset"
    shutil.copytree(good, root)
    cell("action", frame, value, place)(root)
    possible = value in (0, 1, 2) if place == 3 else -1.0001 <= value <= 1.0001
    if possible or (place == 3 and abs(value - round(value)) < 1e-3 and -0.5 < value < 2.5):
        assert learned(root) == ALL
    else:
        with pytest.raises(DatasetError, match=rf"episode 1, frame {frame}: action\[{place}\]"):
            learned(root)


@pytest.mark.parametrize("read", [read_table, lambda path: first_value(path, "said")])
def test_a_page_that_would_take_far_more_than_its_file_is_never_unpacked(
    tmp_path: Path, read: Callable[[Path], Any]
) -> None:
    path = tmp_path / "bomb.parquet"
    table = pa.table({"said": pa.array([b"\0" * (MOST_OF_PAGE + 1)], pa.binary())})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    assert path.stat().st_size < 20_000
    with pytest.raises(DatasetError, match=r"has a page of 134,217,7.. bytes: restore a copy"):
        read(path)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_pages_of_every_kind_are_read(tmp_path: Path, version: str, dictionary: bool) -> None:
    path, count = tmp_path / "usual.parquet", 30_000
    table = pa.table({"n": range(count), "l": [[1.5, 2]] * count, "s": ["one", None] * 15_000})
    pq.write_table(
        table, path, data_page_version=version, use_dictionary=dictionary, row_group_size=9_000
    )
    assert read_table(path).equals(table)


def test_who_does_not_say_who_acted_is_reported(root: Path) -> None:
    assert unsaid(Source(Dataset(root))) is None
    info(
        lambda content: [content["features"].pop(key) for key in (INTERVENTION, INTERVENTION_TOO)]
    )(root)
    line = unsaid(Source(Dataset(root)))
    assert line is not None
    assert "all of its 19 frames count as an operator's" in line


def test_a_camera_that_an_episode_lacks_is_left_out_of_its_sheet(root: Path) -> None:
    place(f"videos/{IMAGES}.wrist/file_index", None)(root)
    dataset = Dataset(root)
    assert overview(root).cameras["wrist"] == "80x64 h264, not in episode 1"
    draw_figure(dataset, 1, root / "sheet.png")
    assert (root / "sheet.png").exists()
