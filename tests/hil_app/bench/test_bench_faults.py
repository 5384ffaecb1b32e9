"""Faults at random moments of real control loops on the virtual arm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.load import ConfigError
from hil_app.bench.commands import faults as bench_faults
from hil_app.bench.faults import ALL, LASTING, LONG_CALM, PASSING, REFUSED, Fault, Trials
from hil_app.bench.virtual import virtual_arm

FEW = settings(
    max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)
STORM = Fault(
    "any that pass",
    lambda draw: PASSING[draw.integers(len(PASSING))].fault_settings(draw),
    calm=LONG_CALM,
)


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with virtual_arm("--arm=so100", "--world=sim_pick_lift") as port:
        yield port


@pytest.mark.slow
@FEW
@given(seed=seeds)
def test_a_storm_of_faults_that_pass_is_borne_and_no_episode_is_lost(port: str, seed: int) -> None:
    outcome = Trials(port, np.random.default_rng(seed)).run(STORM, 25)
    assert outcome.good, outcome
    assert outcome.faults == 25
    assert outcome.episodes >= 3


@pytest.mark.parametrize("fault", [LASTING[1], *REFUSED], ids=lambda fault: fault.name)
def test_a_fault_that_lasts_ends_safely(port: str, fault: Fault) -> None:
    outcome = Trials(port, np.random.default_rng(0)).run(fault, 1)
    assert outcome.good, outcome
    assert outcome.faults == 1


def test_a_row_says_when_something_is_not_as_it_should_be(port: str) -> None:
    """The bench can fail: a fault that lasts is not borne, and one that passes ends nothing."""
    wrong = Fault("lasts", PASSING[6].fault_settings, one_shot=True)  # it never passes
    outcome = Trials(port, np.random.default_rng(0)).run(wrong, 2)
    assert not outcome.good
    assert outcome.problems[0].startswith("ended by ")
    unsaid = Fault("overload", LASTING[5].fault_settings, "something else", "trouble")
    outcome = Trials(port, np.random.default_rng(0)).run(unsaid, 1)
    assert not outcome.good
    assert outcome.problems[0].startswith("said: ")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ALL.values(), ids=ALL)
@FEW
@given(seed=seeds)
def test_each_kind_of_fault_leads_to_what_it_should(port: str, fault: Fault, seed: int) -> None:
    count = 20 if fault.cause is None else 2
    outcome = Trials(port, np.random.default_rng(seed)).run(fault, count)
    assert outcome.good, outcome
    assert outcome.faults == count


@pytest.mark.slow
def test_a_thousand_faults() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", "bench", "faults", "--json"],
        capture_output=True,
        text=True,
        timeout=1500,
    )
    outcomes = json.loads(done.stdout)
    assert done.returncode == 0, outcomes
    assert sum(outcome["faults"] for outcome in outcomes) >= 990
    assert [outcome["fault"] for outcome in outcomes] == list(ALL)


def test_the_help_says_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench_faults.run(["--help"])
    assert "lasting ones must end" in " ".join(capsys.readouterr().out.split())


def test_fewer_than_one_fault_is_refused() -> None:
    with pytest.raises(ConfigError, match="--faults: must be at least 1"):
        bench_faults.run(["--faults=-1"])
