"""From recorded datasets to batches: every value, order, boundary and flag."""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_datasets import (
    ENV_STATE,
    IMAGES,
    NAMES,
    SIZE,
    STATE,
    episode,
    identified,
    write_dataset,
)

from configs.learning.learner import Only
from hil_app.datasets.to_buffer import Source, buffer_from_dataset, check
from hil_app.learning import (
    ACTION,
    FeatureType,
    GaussianActorConfig,
    GaussianActorPolicy,
    PolicyFeature,
    ReplayBuffer,
)
from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.layout import DatasetError, Feature
from hil_app.recording.frames import Frame

FRONT = f"{IMAGES}.front"
INPUTS = {
    STATE: PolicyFeature(FeatureType.STATE, (2,)),
    ENV_STATE: PolicyFeature(FeatureType.ENV, (3,)),
    FRONT: PolicyFeature(FeatureType.VISUAL, (3, *SIZE)),
}


def policy(*keys: str, moves: int = 3, **inputs: PolicyFeature) -> GaussianActorPolicy:
    """One that sees what sample datasets hold, or these keys of it."""
    wanted = {key: INPUTS[key] for key in keys or INPUTS} | inputs
    return GaussianActorPolicy(
        GaussianActorConfig(
            input_features=wanted,
            output_features={ACTION: PolicyFeature(FeatureType.ACTION, (moves,))},
            num_discrete_actions=3,
            latent_dim=4,
            hidden_dims=[4],
        )
    )


NUMBERS = policy(STATE, ENV_STATE)


def loaded(root: Path, policy: GaussianActorPolicy = NUMBERS, **options: Any) -> ReplayBuffer:
    source = {name: options.pop(name) for name in ("only", "weight") if name in options}
    return buffer_from_dataset(Source(Dataset(root), **source), policy, 1000, **options)


def places(buffer: ReplayBuffer, group: str = "state") -> list[tuple[int, int]]:
    """Episode and number of the states, or of the next ones, of all rows in order."""
    batch = buffer.at(range(len(buffer)))
    seen = batch["state"] if group == "state" else batch["next_state"]
    return [(int(row[0]), int(row[1])) for row in seen[ENV_STATE]]


def assert_rows(buffer: ReplayBuffer, frames: Sequence[Frame]) -> None:
    """The rows are these frames, in order and bit for bit."""
    batch = buffer.at(range(len(buffer)))
    assert len(buffer) == len(frames)
    for group, attribute in (("state", "observation"), ("next_state", "next_observation")):
        for key in (STATE, ENV_STATE):
            wanted = np.stack([getattr(frame, attribute)[key] for frame in frames])
            assert np.array_equal(batch[group][key].numpy(), wanted), (group, key)  # type: ignore[literal-required]
    info = batch["complementary_info"]
    assert np.array_equal(batch["action"].numpy(), np.stack([f.action for f in frames]))
    assert batch["reward"].tolist() == [f.reward for f in frames]
    assert batch["done"].tolist() == [f.terminated for f in frames]
    assert batch["truncated"].tolist() == [f.truncated for f in frames]
    assert info["discrete_penalty"].tolist() == [f.discrete_penalty for f in frames]
    assert info["is_intervention"].tolist() == [f.is_intervention for f in frames]


def followed(frames: Sequence[Frame]) -> list[Frame]:
    """All frames but those right before a pause."""
    return [one for one, two in pairwise([*frames, None]) if not (two and two.after_pause)]  # type: ignore[misc]


def test_rows_are_the_frames_and_images_are_in_their_places(tmp_path: Path) -> None:
    written = write_dataset(tmp_path)
    buffer = loaded(tmp_path, policy())
    assert_rows(buffer, [frame for frames in written for frame in frames])
    batch = buffer.at(range(len(buffer)))
    for group, later in (("state", 0), ("next_state", 1)):
        images = batch[group][FRONT]  # type: ignore[literal-required]
        assert images.dtype == torch.uint8  # trap 11
        codes = [identified(image.permute(1, 2, 0).numpy()) for image in images]
        assert codes == [(0, e, n + later) for e, n in places(buffer)]


def test_an_image_is_kept_once(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    store = loaded(tmp_path, policy()).state_dict()
    slots = {*store[f"rows.state.{FRONT}"].tolist(), *store[f"rows.next_state.{FRONT}"].tolist()}
    assert len(slots) == 7 + 10 + 5  # one more than frames, each episode


ends = st.sampled_from(["success", "failure", "time limit"])
stretches = st.lists(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-3, 0)), min_size=1, max_size=7),
    min_size=1,
    max_size=3,
)


def an_episode(index: int, ticks: list[tuple[bool, bool, int]], end: str) -> list[Frame]:
    """An episode whose ticks are by hand or not, after a pause or not, with these penalties."""
    facts: dict[int, dict[str, Any]] = {
        number: {
            "is_intervention": is_intervention,
            "after_pause": pause and number > 0,
            "discrete_penalty": penalty / 4,
            "reward": number / 8,
        }
        for number, (is_intervention, pause, penalty) in enumerate(ticks)
    }
    if end == "failure":
        facts[len(ticks) - 1] |= {"terminated": True, "truncated": False}
    return episode(index, len(ticks), cameras=(), success=end == "success", changes=facts)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(stretches=stretches, end=st.lists(ends, min_size=3, max_size=3), n=st.integers(1, 3))
def test_frames_to_dataset_to_buffer_to_batches(
    stretches: list[list[tuple[bool, bool, int]]], end: list[str], n: int
) -> None:
    """Every row of every batch is one that was recorded, and every recorded one is there."""
    episodes = [an_episode(i, ticks, end[i]) for i, ticks in enumerate(stretches)]
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), episodes)
        one = loaded(Path(folder)) if any(map(followed, episodes)) else None
        several = loaded(Path(folder), n_steps=n, discount=0.5) if one else None
    wanted = [frame for frames in episodes for frame in followed(frames)]
    if one is None or several is None:
        assert not wanted
        return
    assert_rows(one, wanted)
    by_place = {tuple(frame.observation[ENV_STATE].tolist()): frame for frame in wanted}
    batch = one.sample(64)
    for place in range(64):
        frame = by_place[tuple(batch["state"][ENV_STATE][place].tolist())]
        assert np.array_equal(batch["next_state"][STATE][place], frame.next_observation[STATE])
        assert np.array_equal(batch["action"][place], frame.action)
        assert batch["done"][place] == frame.terminated
    assert_summed(several, episodes, n)


def assert_summed(buffer: ReplayBuffer, episodes: Sequence[Sequence[Frame]], n: int) -> None:
    """Rows over up to n ticks reach over no pause and no end."""
    expected = []
    for frames in episodes:
        parts: list[list[Frame]] = []  # of the episode, between pauses
        for frame in followed(frames):
            if frame.after_pause or not parts:
                parts.append([])
            parts[-1].append(frame)
        for part in parts:
            for first, frame in enumerate(part):
                reach = part[first : first + n]
                reward = sum(0.5**i * each.reward for i, each in enumerate(reach))
                ended = reach[-1].terminated, reach[-1].truncated
                expected.append((frame.tick - 1, reward, 0.5 ** len(reach), *ended))
    batch = buffer.at(range(len(buffer)))
    columns = (
        batch["state"][ENV_STATE][:, 1],
        batch["reward"],
        batch["complementary_info"]["discount"],
        batch["done"],
        batch["truncated"],
    )
    assert torch.stack(columns, 1).tolist() == [list(map(float, row)) for row in expected]


def test_trap_13_a_time_limit_is_not_done_and_stays_so(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 3), episode(1, 3, success=False)])
    buffer = loaded(tmp_path)
    again = ReplayBuffer(1000, state_keys=NUMBERS.replay_keys)
    again.load_state_dict(buffer.state_dict())
    for each in (buffer, again):
        batch = each.at(range(6))
        assert batch["done"].tolist() == [0, 0, 1, 0, 0, 0]
        assert batch["truncated"].tolist() == [0, 0, 0, 0, 0, 1]


def test_trap_01_penalties_are_in_every_batch(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 4)])
    batch = loaded(tmp_path).sample(50)
    odd = batch["state"][ENV_STATE][:, 1] % 2
    assert torch.equal(batch["complementary_info"]["discrete_penalty"], -0.5 * odd)


def test_trap_02_nothing_reaches_over_an_episode_or_a_pause(tmp_path: Path) -> None:
    paused = episode(1, 6, changes={3: {"after_pause": True}})
    write_dataset(tmp_path, [episode(0, 3, success=False), paused])
    buffer = loaded(tmp_path)
    assert places(buffer) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 3), (1, 4), (1, 5)]
    assert places(buffer, "next_state") == [(e, n + 1) for e, n in places(buffer)]


class Fake:
    """A dataset in memory that notes which observations are alive, and what was asked for."""

    root, fps = Path("fake"), 30.0

    def __init__(self, lengths: Sequence[int], size: int = 8) -> None:
        self.episodes = [EpisodeInfo(i, n, (), None, None, False) for i, n in enumerate(lengths)]
        self.features = {
            STATE: Feature("float32", (2,)),
            ENV_STATE: Feature("float32", (3,)),
            FRONT: Feature("video", (size, size, 3)),
            ACTION: Feature("float32", (4,)),
            "next.reward": Feature("float32", (1,)),
            "next.done": Feature("bool", (1,)),
        }
        self.size, self.alive, self.most = size, 0, 0
        self.asked: list[tuple[int, list[str]]] = []

    def unmeasured(self) -> Fake:
        return self

    def frames(self, index: int, cameras: Collection[str]) -> Iterator[Frame]:
        self.asked.append((index, list(cameras)))
        template = episode(index, 1, cameras=())[0]
        seen = self._seen(index, 0)
        for number in range(length := self.episodes[index].length):
            state, seen = seen, self._seen(index, number + 1)
            last = number == length - 1
            yield replace(
                template, tick=number + 1, observation=state, next_observation=seen, terminated=last
            )
            self.most = max(self.most, self.alive)

    def columns(self, index: int) -> dict[str, Any]:  # noqa: ARG002 - nothing to check
        return {}

    final = columns

    def _seen(self, index: int, number: int) -> dict[str, Any]:
        image = np.full((self.size, self.size, 3), number % 256, np.uint8)
        self.alive += 1
        weakref.finalize(image, self._gone)
        place = np.array([index, number, 0], np.float32)
        return {STATE: place[:2], ENV_STATE: place, FRONT: image}

    def _gone(self) -> None:
        self.alive -= 1


def test_datasets_are_streamed_and_each_image_is_asked_for_once() -> None:
    fake: Any = Fake([400, 300, 500])
    small = policy(STATE, ENV_STATE, **{FRONT: PolicyFeature(FeatureType.VISUAL, (3, 8, 8))})
    heard: list[int] = []
    buffer = buffer_from_dataset(Source(fake), small, 2000, read=heard.append)
    assert fake.asked == [(0, ["front"]), (1, ["front"]), (2, ["front"])]
    assert heard == [400, 300, 500]
    assert len(buffer) == 1200
    assert fake.most < 100  # those that are recognised when they come again, and no more
    blind = buffer_from_dataset(Source(Fake([3])), NUMBERS, 9)  # type: ignore[arg-type]
    assert places(blind) == [(0, 0), (0, 1), (0, 2)]


def test_cameras_that_the_policy_does_not_look_at_are_not_decoded(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    for video in tmp_path.glob("videos/*/*/*.mp4"):
        video.unlink()
    assert len(loaded(tmp_path)) == 19
    with pytest.raises(DatasetError, match=r"videos/.*front.*is missing"):
        loaded(tmp_path, policy())


def test_the_newest_rows_stay_if_there_are_too_many(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    buffer = buffer_from_dataset(Source(Dataset(tmp_path)), NUMBERS, 5)
    assert places(buffer) == [(1, 8), (2, 0), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("all", [(e, n) for e, length in enumerate((6, 9, 4)) for n in range(length)]),
        ("interventions", [(0, 1), (0, 5), (1, 1), (1, 5), (2, 1)]),
        ("successes", [(0, n) for n in range(6)] + [(2, n) for n in range(4)]),
    ],
)  # fmt: skip
def test_rows_can_be_chosen(tmp_path: Path, only: Only, expected: list[tuple[int, int]]) -> None:
    write_dataset(tmp_path)
    assert places(loaded(tmp_path, only=only)) == expected
    if only != "all":  # as known as by columns
        forget(tmp_path, "success")
        assert places(loaded(tmp_path, only=only)) == expected


def test_a_row_over_several_ticks_is_by_hand_if_its_first_one_is(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 6)])
    found = loaded(tmp_path, only="interventions", n_steps=3, discount=1.0)
    assert places(found) == [(0, 1), (0, 5)]
    assert places(found, "next_state") == [(0, 4), (0, 6)]


@pytest.mark.parametrize("only", ["interventions", "successes"])
def test_a_dataset_without_such_rows_is_refused(tmp_path: Path, only: Only) -> None:
    nobody = {n: {"is_intervention": False} for n in range(3)}
    write_dataset(tmp_path, [episode(0, 3, success=False, changes=nobody)])
    with pytest.raises(DatasetError, match=rf"has nothing to learn from \(only: {only}\)"):
        loaded(tmp_path, only=only)


def forget(root: Path, *columns: str) -> None:
    """Make the dataset one that never had these columns."""
    for path in root.rglob("*.parquet"):
        table = pq.read_table(path, partitioning=None)
        gone = [name for name in table.column_names if name.startswith(columns)]
        pq.write_table(table.drop_columns(gone), path)
    info = json.loads((root / "meta/info.json").read_text())
    for name in [key for key in info["features"] if key.startswith(columns)]:
        del info["features"][name]
    (root / "meta/info.json").write_text(json.dumps(info))


OURS = (
    "next.truncated", "next.success", "complementary_info", "intervention", "policy_action", "sent",
    "weights_version", "stamp", "after_pause", "age.", "final/", "stage", "success", "recovered",
)  # fmt: skip


def test_what_other_tools_do_not_record_has_defaults(tmp_path: Path) -> None:
    timed_out = {3: {"terminated": True, "truncated": False}}  # they call it done, too
    written = write_dataset(
        tmp_path, [episode(0, 3), episode(1, 4, success=False, changes=timed_out)]
    )
    forget(tmp_path, *OURS)
    buffer = loaded(tmp_path)
    batch = buffer.at(range(len(buffer)))
    assert places(buffer) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]  # 1, 3 led where?
    assert batch["done"].tolist() == [0, 0, 1, 0, 0, 0]
    assert batch["truncated"].tolist() == [0, 0, 0, 0, 0, 1]
    assert batch["reward"].tolist() == [0, 0, 1, 0, 0, 0]
    assert batch["complementary_info"]["discrete_penalty"].tolist() == [0] * 6
    assert batch["complementary_info"]["is_intervention"].tolist() == [1] * 6
    actions = [frame.action for frames in written for frame in frames][:6]
    assert np.array_equal(batch["action"].numpy(), np.stack(actions))
    assert places(loaded(tmp_path, only="successes")) == [(0, 0), (0, 1), (0, 2)]
    assert len(loaded(tmp_path, only="interventions")) == 6


def test_an_episode_of_one_frame_whose_end_is_not_recorded(tmp_path: Path) -> None:
    write_dataset(tmp_path, [episode(0, 1), episode(1, 1, success=False)])
    forget(tmp_path, *OURS)
    assert places(loaded(tmp_path)) == [(0, 0)]


def test_all_that_does_not_fit_is_said_in_one_line(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    big = PolicyFeature(FeatureType.VISUAL, (3, 48, 64))
    other = {"observation.other": PolicyFeature(FeatureType.STATE, (7,)), FRONT: big}
    state = {STATE: PolicyFeature(FeatureType.STATE, (18,))}
    wanted = policy(ENV_STATE, moves=5, **other, **state).config
    names = {**NAMES, ENV_STATE: ("object.x", "object.y", "object.q")}
    with pytest.raises(DatasetError) as caught:
        check([Source(Dataset(tmp_path))], wanted, fps=10.0, names=names)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        f"{tmp_path}: ",
        f"{STATE} is 2 numbers in the dataset, 18 numbers in this config; ",
        f"{FRONT} is 80x64 in the dataset, 64x48 in this config (see processor.images)",
        "it has no observation.other, only observation.state, observation.environment_state, ",
        "action is 4 numbers in the dataset, 6 numbers in this config (see processor.wrist)",
        "is object.x, object.y, object.z in the dataset, object.x, object.y, object.q in this",
        "it has 30 frames a second, this config 10",
    ):
        assert part in message
    assert message.count(";") == 5


def test_what_fits_or_is_not_known_is_accepted(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    source, config = Source(Dataset(tmp_path)), policy().config
    check([source], config)
    check([source], config, 30.0, NAMES)
    forget(tmp_path, "sent")
    info = json.loads((tmp_path / "meta/info.json").read_text())
    for feature in info["features"].values():
        feature["names"] = None
    height, width, channels = info["features"][FRONT]["shape"]
    info["features"][FRONT] |= {
        "shape": [channels, height, width],
        "names": ["channels", "height", "width"],  # as other tools do
    }
    info["features"]["action"]["names"] = {"delta_z": 2, "delta_x": 0, "gripper": 3, "delta_y": 1}
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    check([Source(Dataset(tmp_path))], config, 30.0, NAMES)


def test_all_datasets_that_do_not_fit_are_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dataset(tmp_path / name)
    sources = [Source(Dataset(tmp_path / name)) for name in ("one", "two")]
    with pytest.raises(DatasetError, match=r"/one: it has 30 .*; .*/two: it has 30 "):
        check(sources, NUMBERS.config, fps=20.0)


def two_datasets(folder: Path, weight: float, seed: int = 0) -> ReplayBuffer:
    """Rows of episode 0, weight 1, and of episodes 5 and 6."""
    for name, episodes in {"one": [episode(0, 8)], "two": [episode(5, 2), episode(6, 2)]}.items():
        if not (folder / name).exists():
            write_dataset(folder / name, episodes)
    one, two = (Dataset(folder / name) for name in ("one", "two"))
    sources = [Source(one), Source(two, weight=weight)]
    return buffer_from_dataset(sources, NUMBERS, 100, seed=seed)


def test_several_datasets_come_one_after_the_other(tmp_path: Path) -> None:
    buffer = two_datasets(tmp_path, 1.0)
    assert [e for e, _ in places(buffer)] == [0] * 8 + [5, 5, 6, 6]


@pytest.mark.parametrize("weight", [0.25, 2.0, 6.0])
def test_rows_are_drawn_by_their_weights(tmp_path: Path, weight: float) -> None:
    drawn = two_datasets(tmp_path, weight).sample(40_000)["state"][ENV_STATE]
    numbers = drawn[:, 0] * 10 + drawn[:, 1]
    counts = torch.tensor([int((numbers == n).sum()) for n in (*range(8), 50, 51, 60, 61)])
    shares = torch.tensor([1.0] * 8 + [weight] * 4) / (8 + 4 * weight)
    assert counts.sum() == 40_000
    spread = (40_000 * shares * (1 - shares)).sqrt()
    assert ((counts - 40_000 * shares).abs() < 5 * spread).all()


def test_without_weights_draws_are_the_same_bit_for_bit(tmp_path: Path) -> None:
    buffer = two_datasets(tmp_path, 1.0, seed=3)
    index = torch.randint(12, (500,), generator=torch.Generator().manual_seed(3))
    drawn = buffer.sample(500)["state"][ENV_STATE]
    assert torch.equal(drawn, buffer.at(range(12))["state"][ENV_STATE][index])
    assert "weights" not in buffer.state_dict()


def test_a_weighted_draw_is_the_row_whose_share_the_number_falls_into() -> None:
    buffer = ReplayBuffer(4, state_keys=["s"], seed=1)
    for row, weight in enumerate((1.0, 0.5, 0.5, 2.0)):
        buffer.add({"s": np.ones(1)}, 0.0, row, {"s": np.ones(1)}, False, False, weight=weight)
    shares = torch.rand(200, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 4
    wanted = [0 if s < 1 else 1 if s < 1.5 else 2 if s < 2 else 3 for s in shares.tolist()]
    assert buffer.sample(200)["reward"].tolist() == wanted


def test_a_weight_goes_with_its_row() -> None:
    """Over the ring's seam, and into a checkpoint and back."""
    buffer = ReplayBuffer(3, state_keys=["s"])
    for row, weight in enumerate((1e9, 1.0, 1.0)):
        buffer.add({"s": np.ones(1)}, 0.0, row, {"s": np.ones(1)}, False, False, weight=weight)
    assert set(buffer.sample(100)["reward"].tolist()) == {0}
    again = ReplayBuffer(3, state_keys=["s"], seed=9)
    again.load_state_dict(buffer.state_dict())
    assert set(again.sample(100)["reward"].tolist()) == {0}
    for each in (buffer, again):
        each.add({"s": np.ones(1)}, 0.0, 7, {"s": np.ones(1)}, False, False)
        assert set(each.sample(200)["reward"].tolist()) == {7, 1, 2}
    plain = ReplayBuffer(3, state_keys=["s"])
    plain.add({"s": np.ones(1)}, 0.0, 7, {"s": np.ones(1)}, False, False)
    again.load_state_dict(plain.state_dict())  # weights are forgotten, too
    assert "weights" not in again.state_dict()


def test_a_weight_is_positive() -> None:
    buffer = ReplayBuffer(3, state_keys=["s"])
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="weight is positive"):
            buffer.add({"s": np.ones(1)}, 0.0, 0, {"s": np.ones(1)}, False, False, weight=weight)
    assert len(buffer) == 0
