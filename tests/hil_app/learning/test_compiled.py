"""Compiled updates: the same numbers, the same learning, and eager where that cannot be."""

import copy
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest
import torch

from hil_app.learning.fast.compiled import problem_of

PROGRAM = """
import time
from itertools import repeat
from hil_app.learning import *
from hil_app.learning.sac.losses import example_batch

config = GaussianActorConfig(
    input_features={OBS_STATE: PolicyFeature(FeatureType.STATE, (4,))},
    output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
    latent_dim=8, hidden_dims=[8, 8],
)
sac = SACAlgorithm(policy=GaussianActorPolicy(config), config=SACAlgorithmConfig(compile=True))
sac.make_optimizers_and_scheduler()
started = time.monotonic()
sac.warm_up(16)
print(sac.compile_problem)
print(time.monotonic() - started)
stats = sac.update(repeat(example_batch(sac.policy, 16)))
assert "loss_actor" in stats.losses
"""


@pytest.mark.slow
def test_without_a_compiler_it_says_so_and_goes_on_eagerly(tmp_path):
    environment = {
        **os.environ, "PATH": str(tmp_path), "CXX": str(tmp_path / "none"),
        "XDG_CACHE_HOME": str(tmp_path),
    }  # fmt: skip
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    command = [sys.executable, "-W", "error::UserWarning", "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    problem, _ = done.stdout.splitlines()
    assert "ompiler" in problem
    assert (tmp_path / "hil-app" / "compiled").is_dir()  # where the cache goes


def test_a_problem_is_one_line():
    def fail():
        raise RuntimeError("first\n  second")

    assert problem_of(fail) == "RuntimeError: first second"
    assert problem_of(lambda: None) is None


def test_compile_is_off_unless_asked_for(make_sac):
    sac = make_sac()
    sac.warm_up(32)
    assert sac.compile_problem is None
    assert sac._passes.critic == sac._passes._critic


COMPILED = {
    "critic_dropout": 0.1, "actor_dropout": 0.1, "num_critics": 3, "num_subsample_critics": 2,
    "behavior_cloning_weight": 0.1, "compile": True,
}  # fmt: skip


BINS = {"bins": 51, "bin_range": [-1, 2]}
FORMS = {
    "plain": ({}, {}),
    "categorical": ({"discrete_critic_network_kwargs": BINS}, {"critic_network_kwargs": BINS}),
}


@pytest.fixture(params=FORMS)
def pair(make_sac, request):
    """A compiled algorithm and an eager twin."""
    policy, critics = FORMS[request.param]
    policy = {"hidden_dims": [256, 128], "latent_dim": 64, **policy}
    sac = make_sac(policy=policy, **COMPILED, **critics)
    eager = copy.deepcopy(sac)
    eager._warm = True
    eager.make_optimizers_and_scheduler()
    return sac, eager


@pytest.mark.slow
def test_the_compiled_form_has_the_eager_forms_numbers(pair, make_batch, weights_of):
    sac, eager = pair
    state, before = sac.generator.get_state(), weights_of(sac)
    sac.warm_up(128)
    assert sac.compile_problem is None
    assert torch.equal(sac.generator.get_state(), state)
    assert all(torch.equal(before[key], value) for key, value in weights_of(sac).items())
    for seed in range(5):
        batch = make_batch(128, seed=seed)
        with torch.compiler.set_stance("fail_on_recompile"):  # all of it was done before the run
            ours = sac.update(repeat(batch))
        theirs = eager.update(repeat(batch))
        assert ours.to_log_dict() == pytest.approx(theirs.to_log_dict(), rel=1e-5, abs=1e-5)
    mine, others = weights_of(sac), weights_of(eager)
    assert mine.keys() == others.keys()
    apart = torch.cat([(value - others[key]).abs().flatten() for key, value in mine.items()])
    # Adam divides by a gradient's size, so that one which is all rounding may step anywhere.
    assert apart.max() < eager.config.critic_lr
    assert (apart > 2e-5).double().mean() < 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning"
)  # the compiler's
def test_a_batch_of_another_size_is_compiled_for_in_whatever_thread_it_comes(pair, make_batch):
    sac, eager = pair
    sac.warm_up(128)
    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(sac.update, repeat(make_batch(64))).result()
    theirs = eager.update(repeat(make_batch(64)))
    assert ours.to_log_dict() == pytest.approx(theirs.to_log_dict(), rel=1e-5, abs=1e-5)


@pytest.mark.slow
def test_a_poisoned_batch_is_skipped_by_the_compiled_form(pair, make_batch, weights_of):
    sac, _ = pair
    bad = make_batch(128)
    bad["reward"][3] = float("nan")
    sac.warm_up(128)
    before = weights_of(sac)
    sac.update(repeat(bad))
    assert sac.compile_problem is None
    assert sac.last_skip_cause == "batch entry reward"
    assert all(torch.equal(before[key], value) for key, value in weights_of(sac).items())


@pytest.mark.slow
def test_a_second_process_finds_what_the_first_compiled_and_mends_what_is_half_written(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    seconds = []
    for _ in range(2):
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        problem, took = done.stdout.splitlines()
        assert problem == "None"
        seconds.append(float(took))
    assert seconds[1] < 0.7 * seconds[0]
    libraries = [path for path in tmp_path.rglob("*.so") if path.stat().st_size]
    assert libraries
    for path in libraries:  # as a process that is killed amid its compiling leaves them
        path.write_bytes(b"")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "None"
