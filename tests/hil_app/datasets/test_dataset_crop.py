"""A copy with other images, and the same numbers."""

import errno
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from sample_datasets import CODE, IMAGES, SIZE, episode, identified, spec, write_dataset

from configs.dataset import EncodingConfig
from hil_app.datasets import region
from hil_app.datasets.crop import crop
from hil_app.datasets.places import making
from hil_app.datasets.region import choose, fitted
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.format.stats import read_stats
from hil_app.recording.writer import DatasetWriter

TALL = (96, 80)  # images with a border of one row of blocks above and below
INNER = (CODE, 0, *SIZE)


def bordered(root: Path) -> Dataset:
    """A dataset whose images say which they are in their inner part alone."""
    writer = DatasetWriter(root, spec())
    for index, length in enumerate((6, 9, 4)):
        for frame in episode(index, length, success=index != 1):
            for features in (frame.observation, frame.next_observation):
                for camera in ("front", "wrist"):
                    key = f"{IMAGES}.{camera}"
                    if features[key].shape[:2] == SIZE:
                        features[key] = np.pad(features[key], ((CODE, CODE), (0, 0), (0, 0)))  # type: ignore[index]
            writer.add(frame, f"stage {index}")
        writer.finish()
    writer.close()
    return Dataset(root)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return bordered(tmp_path / "data")


def refused(data: Dataset, **options: object) -> str:
    wanted = {"regions": {}, "resize": None, **options}
    with pytest.raises(DatasetError) as error:
        crop(data, data.root.parent / "new", **wanted)  # type: ignore[arg-type]
    assert not (data.root.parent / "new").exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_image_is_cropped_and_in_its_own_episode(data: Dataset, tmp_path: Path) -> None:
    made = crop(data, tmp_path / "new", {"front": INNER, "wrist": INNER}, None)
    new = Dataset(tmp_path / "new")
    assert (made.episodes, made.frames, made.left_out, made.lost) == (3, 19, 0, ())
    assert made.sizes == {"front": SIZE, "wrist": SIZE}
    for index, length in enumerate((6, 9, 4)):
        for place, camera in enumerate(("front", "wrist")):
            seen = [identified(image) for image in new.images(index, camera)]
            assert seen == [(place, index, number) for number in range(length + 1)]


def test_every_number_stays_as_it_was(data: Dataset, tmp_path: Path) -> None:
    crop(data, tmp_path / "new", {"front": INNER}, None)
    new = Dataset(tmp_path / "new")
    for one, other in zip(data.episodes, new.episodes, strict=True):
        assert one == other
        before, after = data.columns(one.index), new.columns(one.index)
        assert before.keys() == after.keys()
        for key, values in before.items():
            np.testing.assert_array_equal(values, after[key], err_msg=key)
        first, second = data.final(one.index), new.final(one.index)
        assert first is not None
        assert second is not None
        for key, values in first.items():
            np.testing.assert_array_equal(values, second[key], err_msg=key)
    for key in ("action", "observation.state"):
        assert data.features[key] == new.features[key]


def test_statistics_of_the_images_are_their_own(data: Dataset, tmp_path: Path) -> None:
    crop(data, tmp_path / "new", {"front": INNER}, None)
    before, after = read_stats(data.root), read_stats(tmp_path / "new")
    key = f"{IMAGES}.front"
    assert after[key]["mean"].min() > 1.3 * before[key]["mean"].max(), "the border was black"
    np.testing.assert_allclose(
        after[f"{IMAGES}.wrist"]["mean"], before[f"{IMAGES}.wrist"]["mean"], atol=0.01
    )
    np.testing.assert_array_equal(after["action"]["mean"], before["action"]["mean"])


def test_images_can_be_resized_alone(data: Dataset, tmp_path: Path) -> None:
    made = crop(data, tmp_path / "new", {}, (48, 40))
    assert made.sizes == {"front": (48, 40), "wrist": (48, 40)}
    image = next(Dataset(tmp_path / "new").images(0, "front"))
    large = next(data.images(0, "front"))
    assert image.shape == (48, 40, 3)
    halved = large.reshape(48, 2, 40, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - image).mean() < 6


def test_tasks_stages_and_codec_are_kept(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", [episode(0)], "demonstrate", codec="av1", task="one")
    write_dataset(tmp_path / "data", [episode(1), episode(2)], "train", codec="av1", task="two")
    crop(Dataset(tmp_path / "data"), tmp_path / "new", {}, (32, 40))
    new = Dataset(tmp_path / "new")
    assert [about.tasks for about in new.episodes] == [("one",), ("two",), ("two",)]
    assert [about.stage for about in new.episodes] == ["demonstrate", "train", "train"]
    info = new.features[f"{IMAGES}.front"].info
    assert info is not None
    assert info["video.codec"] == "av1"
    DatasetWriter(
        tmp_path / "new", spec(task="three", encoding=EncodingConfig(codec="av1"))
    ).close()


def test_columns_of_other_tools_are_left_out_and_named(data: Dataset, tmp_path: Path) -> None:
    path = data.root / "meta/info.json"
    content = json.loads(path.read_text())
    for name in ("stamp", "sent"):  # as if they were of another kind
        feature = content["features"].pop(name)
        content["features"] |= {f"{name}.too": feature}
    path.write_text(json.dumps(content))
    import pyarrow.parquet as pq

    for file in (data.root / "data/chunk-000").iterdir():
        table = pq.read_table(file)
        names = [f"{n}.too" if n in ("stamp", "sent") else n for n in table.column_names]
        pq.write_table(table.rename_columns(names), file)
    made = crop(Dataset(data.root), tmp_path / "new", {}, None)
    assert made.lost == ("sent.too", "stamp.too")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"regions": {"top": INNER}}, "has no camera top; it has front, wrist"),
        ({"regions": {"front": (40, 0, 64, 80)}}, "outside the image, 96 high and 80 wide"),
        ({"regions": {"front": (0, 0, 63, 80)}}, "even sides: take 62 and 80"),
        ({"resize": (31, 33)}, "even sides: take 30 and 32"),
    ],
)
def test_what_cannot_be_made_is_refused(
    data: Dataset, options: dict[str, object], said: str
) -> None:
    assert said in refused(data, **options)


# with the mouse


def test_a_box_is_measured_in_pixels_of_the_image() -> None:
    assert fitted((80, 40), (160, 120), 8, (64, 80)) == (5, 10, 10, 10)
    assert fitted((160, 120), (80, 40), 8, (64, 80)) == (5, 10, 10, 10), "drawn backwards"
    assert fitted((-50, -50), (9999, 9999), 8, (64, 80)) == (0, 0, 64, 80), "beyond the image"
    assert fitted((80, 40), (167, 127), 8, (64, 80)) == (5, 10, 10, 10), "the sides are even"
    assert fitted((80, 40), (81, 41), 8, (64, 80)) is None


@pytest.fixture
def mouse(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Somebody at a window that nobody sees."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with warnings.catch_warnings():
        from teleop.gamepad.sdl import pygame

    def does(*events: tuple[int, dict[str, object]]) -> None:
        def post(*_: object) -> None:
            for kind, facts in events:
                pygame.event.post(pygame.event.Event(kind, facts))

        shown = region._Chooser.run

        def run(chooser: region._Chooser) -> object:
            post()
            return shown(chooser)

        monkeypatch.setattr(region._Chooser, "run", run)

    does.pg = pygame  # type: ignore[attr-defined]
    return does


def drag(pg, start, end):  # type: ignore[no-untyped-def]
    return (
        (pg.MOUSEBUTTONDOWN, {"button": 1, "pos": start}),
        (pg.MOUSEMOTION, {"pos": end, "rel": (0, 0), "buttons": (1, 0, 0)}),
        (pg.MOUSEBUTTONUP, {"button": 1, "pos": end}),
        (pg.MOUSEMOTION, {"pos": (0, 0), "rel": (0, 0), "buttons": (0, 0, 0)}),
    )


def test_an_operator_draws_a_box_and_takes_it(mouse) -> None:  # type: ignore[no-untyped-def]
    image, pg = np.zeros((64, 80, 3), np.uint8), mouse.pg
    enter = (pg.KEYDOWN, {"key": pg.K_RETURN})
    first = drag(pg, (0, 0), (16, 16))
    mouse(enter, *first, *drag(pg, (80, 40), (320, 200)), enter)  # Enter before a box is nothing
    assert choose("front", image) == (5, 10, 20, 30)


def test_a_large_image_is_shown_smaller(mouse) -> None:  # type: ignore[no-untyped-def]
    image, pg = np.zeros((1800, 2400, 3), np.uint8), mouse.pg
    mouse(*drag(pg, (80, 40), (320, 200)), (pg.KEYDOWN, {"key": pg.K_RETURN}))
    assert choose("front", image) == (80, 160, 320, 480)


def test_an_operator_may_want_nothing(mouse) -> None:  # type: ignore[no-untyped-def]
    image, pg = np.zeros((64, 80, 3), np.uint8), mouse.pg
    mouse(*drag(pg, (80, 40), (320, 200)), (pg.KEYDOWN, {"key": pg.K_ESCAPE}))
    with pytest.raises(DatasetError, match="no part of front was chosen"):
        choose("front", image)


def test_without_a_screen_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    said = "no screen .* --roi wrist=TOP,LEFT,HEIGHT,WIDTH, of images 64 high and 80 wide"
    with pytest.raises(DatasetError, match=said):
        choose("wrist", np.zeros((64, 80, 3), np.uint8))


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (DatasetError("episode 1: broken"), "episode 1: broken"),
    ],
)
def test_a_copy_is_whole_or_not_there(tmp_path: Path, error: Exception, word: str) -> None:
    def make() -> None:
        with making(tmp_path / "deep/copy") as draft:
            write_dataset(draft)
            assert not (tmp_path / "deep/copy/meta").exists()
            raise error

    with pytest.raises(DatasetError, match=word) as refused:
        make()
    assert ".part" not in str(refused.value)
    assert list((tmp_path / "deep").iterdir()) == []
    with making(tmp_path / "deep/copy") as draft:
        write_dataset(draft)
    assert len(Dataset(tmp_path / "deep/copy").episodes) == 3


def test_two_copies_never_share_a_folder(tmp_path: Path) -> None:
    with (
        making(tmp_path / "copy"),
        pytest.raises(DatasetError, match="by another process"),
        making(tmp_path / "copy"),
    ):
        pass
