"""The learner on a GPU: where batches are, and what comes of an update.

None of this has been run on a GPU yet.
"""

import pytest
import torch

from hil_app.bench.learner import (
    Case,
    buffer_of,
    filled,
    make_algorithm,
    make_policy,
    on_device,
)
from hil_app.learning.sac.losses import example_batch

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here"),
]
SMALL = {"latent_dim": 16, "hidden_dims": [16], "image_encoder_hidden_dim": 8}
SEEING = Case(policy=SMALL, batch_size=8, side=32)


def on_gpu(batch):
    """A batch, carried there."""
    return {
        name: {key: one.cuda() for key, one in value.items()}
        if isinstance(value, dict)
        else value.cuda()
        for name, value in batch.items()
    }


@pytest.mark.parametrize("ahead", [False, True])
def test_batches_come_to_the_gpu_with_images_of_8_bits(ahead):
    batches = buffer_of(SEEING, torch.device("cuda:0")).get_iterator(8, async_prefetch=ahead)
    batch = next(batches)
    images = [value for value in batch["state"].values() if value.dim() == 4]
    assert [image.dtype for image in images] == [torch.uint8] * 2
    states = [*batch["state"].values(), *batch["next_state"].values()]
    assert {value.device.type for value in [*states, batch["action"], batch["reward"]]} == {"cuda"}


def test_an_update_comes_to_what_it_comes_to_on_the_cpu():
    batch = filled(example_batch(make_policy(SEEING), SEEING.batch_size))
    here, there = make_algorithm(SEEING), make_algorithm(SEEING, "cuda")
    there.policy.load_state_dict(here.policy.state_dict())
    there.critic_ensemble.load_state_dict(here.critic_ensemble.state_dict())
    stats = [
        algorithm.update(iter([its] * 4))
        for algorithm, its in ((here, batch), (there, on_gpu(batch)))
    ]
    losses = [one.losses["loss_critic"] for one in stats]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_the_benchmark_runs_there():
    times = on_device(SEEING, 2, False, "cuda")["ms"]
    assert set(times) == {"eager", "drawn from a buffer"}
