"""What there is to learn from: where a frame goes, and that it is all there again."""

import pytest
from sample_learner import KEYS, frame, ticks

from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.store import OFFLINE, ONLINE, ExperienceStore


def store(**options):
    return ExperienceStore(*(ReplayBuffer(50, state_keys=KEYS) for _ in range(2)), **options)


def filled():
    """Ticks 1 to 3 are the policy's own, the second an operator's; 11 to 12 are a demonstration."""
    one = store()
    for tick in (1, 2, 3):
        one.add(frame(tick, intervention=tick == 2))
        one.demonstrate(frame(10 + tick, ends=tick == 2, success=tick == 1))
    return one


def test_frames_go_where_they_belong():
    one = filled()
    assert ticks(one.online) == [1, 2, 3]
    assert ticks(one.offline) == [2, 11, 12]  # 13 began a demonstration that has not ended
    one.demonstrate(frame(14, ends=True, success=True, rerecord=True))
    one.demonstrate(frame(15, ends=True, success=True))
    assert ticks(one.offline) == [2, 11, 12, 15]


@pytest.mark.parametrize(("failures", "kept"), [(False, [33]), (True, [31, 32, 33])])
def test_demonstrations_without_success_are_kept_only_if_they_are_wanted(failures, kept):
    one = store(failures=failures)
    for tick, success in ((31, False), (32, False), (33, True)):
        one.demonstrate(frame(tick, ends=tick != 31, success=success))
    assert ticks(one.offline) == kept


def test_rows_may_be_put_in_at_a_weight():
    one, other = filled(), store()
    rows = [row for tick in (21, 22) for row in other._own.push(frame(tick))]
    assert one.fill(iter(rows), weight=1e9) == 2
    drawn = one.offline.sample(20)["state"][KEYS[0]][:, 0]
    assert set(drawn.int().tolist()) == {21, 22}


@pytest.mark.parametrize(("ratio", "own"), [(1.0, 8), (0.25, 2)])
def test_its_mixer_draws_from_both(ratio, own):
    batch = filled().mixer(ratio).sample(8)
    assert (batch["state"][KEYS[0]][:own, 0] <= 3).all()
    assert set(batch["state"][KEYS[0]][own:, 0].int().tolist()) <= {2, 11, 12}


def test_another_store_goes_on_from_its_state():
    one, other = filled(), store()
    other.load_state_dict(one.state_dict())
    assert one.state_dict().keys() == {ONLINE, OFFLINE}
    for again in (one, other):
        again.add(frame(4))
    assert ticks(other.online) == ticks(one.online) == [1, 2, 3, 4]
    assert ticks(other.offline) == [2, 11, 12]
