"""What the policy's ticks before a take-over cost, and what they never cost."""

import pytest
from sample_learner import KEYS, frame, ticks

from hil_app.learning.buffer.credit import TakeOverPenalty
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import NStepReturns
from hil_app.learning.store import ExperienceStore

TWO_TICKS = TakeOverPenalty(0.25, ticks=2)


def rewards(who, *, n=1, ends=(), pauses=(), settings=TWO_TICKS):
    """What rows earn whose ticks 1, 2, … each earn 1, where ``who`` acts: a policy or an operator.

    By the first tick of the row.
    """
    returns, found = NStepReturns(n, 0.5, take_over=settings), {}
    for tick, actor in enumerate(who, 1):
        one = frame(tick, intervention=actor == "o", ends=tick in ends)
        object.__setattr__(one, "after_pause", tick in pauses)
        for row in returns.push(one):
            found[int(row.state[KEYS[0]][0])] = row.reward
    return found


def test_the_last_ticks_before_a_take_over_cost_something():
    assert rewards("ppppo") == {1: 1, 2: 1, 3: 0.75, 4: 0.75, 5: 1}
    assert rewards("ppoo") == {1: 0.75, 2: 0.75, 3: 1, 4: 1}
    assert rewards("o") == {1: 1}


def test_a_tick_is_charged_once_and_the_operators_never():
    assert rewards("pooopo") == {1: 0.75, 2: 1, 3: 1, 4: 1, 5: 0.75, 6: 1}


def test_who_lets_go_charges_nothing():
    assert rewards("oopppp") == {1: 1, 2: 1, 3: 1, 4: 1}  # the last two are not known yet
    assert rewards("oopp", ends=(4,)) == {1: 1, 2: 1, 3: 1, 4: 1}


@pytest.mark.parametrize("apart", [{"ends": (3,)}, {"pauses": (4,)}])
def test_nothing_is_charged_beyond_an_episode_or_a_pause(apart):
    assert rewards("pppoo", **apart) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}
    assert rewards("ppppo", **apart) == {1: 1, 2: 1, 3: 1, 4: 0.75, 5: 1}


def test_a_return_of_several_ticks_has_each_penalty_at_its_place():
    found = rewards("pppooo", n=2, ends=(6,))
    assert found == {1: 1 + 0.375, 2: 0.75 + 0.375, 3: 0.75 + 0.5, 4: 1.5, 5: 1.5, 6: 1}


def test_rows_are_the_same_ones_in_the_same_order():
    who, plain = "ppopppoopppppo", None
    assert [*rewards(who, n=3, ends=(14,))] == [*rewards(who, n=3, ends=(14,), settings=plain)]


def test_the_store_charges_the_policy_and_no_demonstration():
    online, offline = (ReplayBuffer(50, state_keys=KEYS) for _ in range(2))
    store = ExperienceStore(online, offline, take_over=TWO_TICKS)
    for tick, operator in enumerate((False, False, True), 1):
        ends = tick == 3
        store.add(frame(tick, intervention=operator, ends=ends))
        store.demonstrate(frame(10 + tick, intervention=operator, ends=ends, success=ends))
    assert ticks(online) == [1, 2, 3]
    assert online.state_dict()["rows.reward"].tolist() == [0.75, 0.75, 1]
    assert ticks(offline) == [3, 11, 12, 13]
    assert offline.state_dict()["rows.reward"].tolist() == [1, 1, 1, 1]
