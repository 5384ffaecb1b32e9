"""What users of the library bring along: batches that say less, their own algorithms and steps."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hil_app.learning import (
    ACTION,
    OBS_STATE,
    Normalizer,
    NStepReturns,
    OnlineOfflineMixer,
    ReplayBuffer,
    RLAlgorithm,
    RLTrainer,
    TrainingStats,
)

OPTIONAL = ("truncated", "complementary_info")


@pytest.mark.parametrize("none", [False, True])
def test_a_batch_may_leave_out_what_is_optional(make_sac, make_batch, weights_of, none):
    """It is the one without an end by time, penalty or operator."""
    whole = make_batch(16)
    whole["complementary_info"] = {
        "discrete_penalty": torch.zeros(16),
        "is_intervention": torch.zeros(16),
    }
    less = {key: value for key, value in whole.items() if key not in OPTIONAL}
    less |= dict.fromkeys(OPTIONAL) if none else {}
    both = [make_sac(seed=4) for _ in range(2)]
    stats = [one.update(iter([batch])) for one, batch in zip(both, (whole, less), strict=True)]
    assert stats[0].losses == stats[1].losses
    ours, theirs = map(weights_of, both)
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_buffers_whose_batches_say_less_can_be_mixed(make_batch):
    class Source:
        def __init__(self, batch):
            self.batch = batch

        def __len__(self):
            return 1

        def sample(self, size):  # noqa: ARG002 - a data mixer
            return self.batch

    whole = make_batch(2)
    whole["truncated"] = torch.ones(2)
    less = {key: value for key, value in make_batch(2).items() if key not in OPTIONAL}
    batch = OnlineOfflineMixer(Source(whole), Source(less)).sample(4)
    assert batch["truncated"].tolist() == [1, 1, 0, 0]
    penalty = batch["complementary_info"]["discrete_penalty"]
    assert penalty.tolist() == [*whole["complementary_info"]["discrete_penalty"].tolist(), 0, 0]


class Counting(RLAlgorithm):
    """An algorithm without a policy, that does not even call its base's constructor."""

    def __init__(self):
        self.batches = []

    def update(self, batch_iterator):
        self.batches.append(next(batch_iterator))
        return TrainingStats({"loss": 1.0})

    def make_optimizers_and_scheduler(self):
        return {}

    def state_dict(self):
        return {}


def test_the_trainer_takes_an_algorithm_without_a_policy():
    closed = []

    class Mixer:
        def get_iterator(self, batch_size, *, async_prefetch, queue_size):  # noqa: ARG002
            try:
                while True:
                    yield {"anything": batch_size}
            finally:
                closed.append(True)

    trainer = RLTrainer(Counting(), Mixer(), 3)
    assert trainer.algorithm.optimization_step == 0
    assert trainer.training_step().losses == {"loss": 1.0}
    assert trainer.algorithm.batches == [{"anything": 3}]
    trainer.close()
    assert closed == [True]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(-0.49, 0.49)), min_size=1, max_size=8),
)
def test_a_choice_survives_rounding(pairs):
    from hil_app.learning.sac.losses import choices

    action = torch.tensor([[0.5, whole + off] for whole, off in pairs])
    assert choices(action, 3)[:, 0].tolist() == [whole for whole, _ in pairs]


def test_a_choice_just_below_2_is_learned_from_as_2(make_sac, make_batch, weights_of):
    exact = make_batch(16)
    exact["action"][:, 3] = torch.arange(16) % 3
    rounded = {**exact, "action": exact["action"].clone()}
    rounded["action"][:, 3] *= 1 - 6e-8
    assert rounded["action"][2, 3] == pytest.approx(1.9999999, abs=2e-7)
    assert rounded["action"][2, 3] < 2
    both = [make_sac(seed=4) for _ in range(2)]
    for algorithm, batch in zip(both, (exact, rounded), strict=True):
        algorithm.update(iter([batch]))
    ours, theirs = map(weights_of, both)
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


@pytest.mark.parametrize(("wrong", "shown"), [(2.6, "2.6"), (3.0, "3"), (-1.0, "-1"), (1e30, "1e")])
def test_what_is_no_choice_is_refused_by_its_value(make_sac, make_batch, weights_of, wrong, shown):
    algorithm, batch = make_sac(), make_batch(16)
    before = weights_of(algorithm)
    batch["action"][5, 3] = wrong
    with pytest.raises(ValueError, match=rf"ends with {shown}.*from 0 to 2"):
        algorithm.update(iter([batch]))
    assert all(torch.equal(value, before[key]) for key, value in weights_of(algorithm).items())


@pytest.mark.parametrize("width", [0.0, 1e-30, 1e-12, 1e-7])
@pytest.mark.parametrize("centre", [0.0, 0.25, -7e5])
def test_a_range_of_rounding_is_a_constant_and_updates_go_on(make_sac, make_batch, width, centre):
    low, high = [-5.0] * 4, [5.0] * 4
    low[2], high[2] = centre - width, centre + width
    algorithm = make_sac(policy={"dataset_stats": {OBS_STATE: {"min": low, "max": high}}})
    batch = make_batch(16)
    batch["state"][OBS_STATE][:, 2] = centre + 1e-3 * torch.arange(16)
    scaled = Normalizer(algorithm.policy.config).batch(batch)
    seen = scaled["state"][OBS_STATE]
    assert torch.allclose(seen[:, 2], batch["state"][OBS_STATE][:, 2] - centre)
    assert torch.equal(seen[:, 0], batch["state"][OBS_STATE][:, 0] / 5)
    stats = algorithm.update(iter([scaled]))
    assert algorithm.skipped_updates == 0
    assert np.isfinite(list(stats.losses.values())).all()


def test_a_small_but_real_range_is_scaled(policy_config):
    stats = {OBS_STATE: {"min": [0.0, 0.1, 1000.0, -1e-4], "max": [1e-3, 0.1002, 1001.0, 1e-4]}}
    scale = Normalizer(policy_config(dataset_stats=stats))
    top = scale.observation({OBS_STATE: torch.tensor(stats[OBS_STATE]["max"])})[OBS_STATE]
    assert torch.allclose(top, torch.ones(4), atol=1e-3)


def step(i, *, end=False, limit=False, **info):
    """State i leads to state i + 1, with a reward of 10^i and action i."""
    now, then = ({"s": np.array([i, 0.5])} for i in (i, i + 1))
    return now, np.array([i]), 10.0**i, then, end, limit, info or None


def rows_of(returns, steps):
    return [row for one in steps for row in returns.add(*one)]


def test_transitions_of_ones_own_are_summed_over_several_ticks():
    steps = [*(step(i) for i in range(4)), step(4, end=True), step(5), step(6, limit=True)]
    rows = rows_of(NStepReturns(3, 0.5), steps)
    assert [int(row.action[0]) for row in rows] == [0, 1, 2, 3, 4, 5, 6]
    assert [int(row.next_state["s"][0]) for row in rows] == [3, 4, 5, 5, 5, 7, 7]
    assert [row.discount for row in rows] == [0.125, 0.125, 0.125, 0.25, 0.5, 0.25, 0.5]
    assert rows[0].reward == 1 + 10 / 2 + 100 / 4
    assert rows[3].reward == 1e3 + 1e4 / 2
    assert [row.done for row in rows] == [False, False, True, True, True, False, False]
    assert [row.truncated for row in rows] == [False] * 5 + [True, True]


def test_their_penalties_are_summed_and_the_operator_is_of_the_first_tick():
    steps = [
        step(0, discrete_penalty=-0.02, is_intervention=1.0),
        step(1, discrete_penalty=torch.tensor(-0.04), is_intervention=torch.tensor(0.0)),
        step(2, end=True),
    ]
    rows = rows_of(NStepReturns(2, 0.5), steps)
    assert [row.discrete_penalty for row in rows] == pytest.approx([-0.04, -0.04, 0.0])
    assert [row.is_intervention for row in rows] == [True, False, False]
    with pytest.raises(KeyError, match="mood"):
        NStepReturns(2, 0.5).add(*step(0, mood=3.0))
    for n, discount in ((0, 0.5), (3, 1.5)):
        with pytest.raises(ValueError, match="need n >= 1 and a discount"):
            NStepReturns(n, discount)


def test_rows_go_into_a_buffer_and_arrays_may_be_used_again():
    buffer, returns = ReplayBuffer(20, state_keys=["s"]), NStepReturns(3, 0.5)
    state, action, after = np.zeros(2), np.zeros(1), torch.zeros(2)
    for i in range(9):
        state[0], action[0], after[0] = i, i, i + 1
        for row in returns.add({"s": state}, action, 1.0, {"s": after}, i == 8, False):
            buffer.add(**row.transition())
    batch = buffer.at(range(9))
    assert batch["state"]["s"][:, 0].tolist() == [*range(9)]
    assert batch[ACTION][:, 0].tolist() == [*range(9)]
    assert batch["next_state"]["s"][:, 0].tolist() == [3, 4, 5, 6, 7, 8, 9, 9, 9]


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64, torch.float64])
@pytest.mark.parametrize("shape", [(16,), (16, 1)])
def test_what_a_row_has_one_of_may_be_a_column_of_any_kind(make_sac, make_batch, kind, shape):
    """Columns of (B, 1) would spread over the batch: every row would learn of all the others."""
    batch = make_batch(16)
    batch["reward"] = (torch.arange(16) % 2).float()
    info = {"is_intervention": batch["reward"], "discrete_penalty": torch.zeros(16)}
    batch["complementary_info"] = info | {"discount": torch.ones(16)}

    def other(values):
        return values.to(kind).reshape(shape)

    given = {**batch, **{key: other(batch[key]) for key in ("reward", "done", "truncated")}}
    given["complementary_info"] = {
        key: other(value) for key, value in batch["complementary_info"].items()
    }
    given["state"] = {key: value.double() for key, value in batch["state"].items()}
    given["action"] = batch["action"].double()
    learned = [
        make_sac(seed=3, behavior_cloning_weight=1.0).update(iter([one])).losses
        for one in (batch, given)
    ]
    assert learned[0] == learned[1]


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (lambda b: {"reward": b["reward"][:1]}, r"reward has shape \(1,\); for the 16 actions"),
        (lambda b: {"done": b["done"].expand(16, 16)}, r"done has shape \(16, 16\)"),
        (lambda b: {"truncated": b["done"][None]}, r"truncated has shape \(1, 16\)"),
        (lambda b: {"action": b["action"][:, :3]}, r"action has .* needs \(16, 4\)"),
        (lambda _: {"action": torch.zeros(16, 5)}, r"action has shape \(16, 5\)"),
        (lambda b: {"state": {k: v[:1] for k, v in b["state"].items()}}, r"state\.observ.*\(1, "),
        (lambda b: {"next_state": {**b["next_state"], OBS_STATE: torch.zeros(16, 5)}},
         r"next_state\.observation\.state has shape \(16, 5\); .* needs \(16, 4\)"),
        (lambda _: {"complementary_info": {"discount": torch.ones(2)}}, r"discount has .*\(2,\)"),
        (lambda b: {"action": b["action"][:0]}, "the batch is empty"),
    ],
)  # fmt: skip
def test_a_batch_of_another_shape_is_refused_by_name(make_sac, make_batch, change, reported):
    batch = make_batch(16)
    with pytest.raises(ValueError, match=reported):
        make_sac().update(iter([{**batch, **change(batch)}]))


def test_an_action_is_a_tensor_like_any_other(make_sac):
    policy = make_sac().policy
    seen = {key: torch.zeros(f.shape) for key, f in policy.config.input_features.items()}
    action = policy.select_action({key: value.double() for key, value in seen.items()})
    action.mul_(2)
    weight = torch.ones(4, requires_grad=True)
    (weight * action).sum().backward()
    assert torch.equal(weight.grad, action)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.array, torch.tensor, lambda x: np.array([x])])
def test_steps_take_what_vectors_of_environments_give(kind):
    returns = NStepReturns(2, 0.5)
    info = {"discrete_penalty": kind(-1.0), "is_intervention": kind(True)}
    seen = {"s": np.zeros(2)}
    given = kind(1.0), seen, kind(False), kind(False), info
    assert not returns.add(seen, [0.0], *given)
    (row,) = returns.add(seen, [0.0], *given)
    assert (row.reward, row.discrete_penalty, row.is_intervention) == (1.5, -1.5, True)
    for wrong in ({"reward": None}, {"done": 2}, {"truncated": np.zeros(2)}):
        usual = {"reward": 0.0, "done": False, "truncated": False}
        with pytest.raises(ValueError, match=next(iter(wrong))):
            returns.add(seen, [0.0], next_state=seen, **{**usual, **wrong})
