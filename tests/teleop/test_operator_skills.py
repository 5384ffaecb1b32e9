"""What tells a poor operator from an expert: each weakness does what its option says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from configs.load import dump, validate
from configs.teleop import InterventionConfig, ScriptedTeleopConfig
from robots.base import F32, Truth
from teleop.base import OPEN, STAY
from teleop.oracles.base import Stick
from teleop.oracles.reach import ReachOracle
from teleop.scripted import Hand, ScriptedTeleop, Watcher

MEANT = np.array([0.2, -0.1, 0.0, STAY], np.float32)


def hand(seed: int = 0, **options: Any) -> Hand:
    config = ScriptedTeleopConfig(**{"noise": 0.0, **options})
    return Hand(config, np.random.default_rng(seed), fps=10.0)


def acted(doer: Hand, ticks: int, episode: int = 1) -> F32:
    return np.stack([doer(MEANT, episode) for _ in range(ticks)])


# the presets


def said(**options: Any) -> ScriptedTeleopConfig:
    config = validate({"teleop": {"type": "scripted", **options}}).teleop
    assert isinstance(config, ScriptedTeleopConfig)
    return config


def test_an_ordinary_operator_is_the_one_there_always_was() -> None:
    usual = said()
    assert (usual.skill, usual.noise, usual.bias, usual.mistakes) == ("ordinary", 0.1, 0.0, 0.0)
    assert usual.intervention == InterventionConfig()
    assert usual.intervention.lets_go_early == 0.0
    mean, random = np.array([0.5, -0.5, 0.9, STAY], np.float32), np.random.default_rng(3)
    doer = Hand(usual, np.random.default_rng(3), fps=10.0)
    for _ in range(50):  # bit for bit, and no other draws
        shaken = mean.copy()
        shaken[:3] = np.clip(mean[:3] + random.normal(0.0, 0.1, 3), -1.0, 1.0)
        np.testing.assert_array_equal(doer(mean, 1), shaken)


def test_skills_are_in_order() -> None:
    expert, ordinary, poor = (said(skill=name) for name in ("expert", "ordinary", "poor"))
    assert expert.noise < ordinary.noise < poor.noise
    for name in ("stall_s", "reaction_s"):
        values = [getattr(one.intervention, name) for one in (expert, ordinary, poor)]
        assert values == sorted(set(values))
    for name in ("bias", "mistakes"):
        assert getattr(expert, name) == getattr(ordinary, name) == 0 < getattr(poor, name)
    assert ordinary.intervention.lets_go_early == 0 < poor.intervention.lets_go_early


def test_what_a_config_says_goes_before_its_skill() -> None:
    poor = said(skill="poor")
    own = said(skill="poor", noise=0.1, bias=0.0, intervention={"stall_s": 1.5})
    assert (own.noise, own.bias, own.mistakes) == (0.1, 0.0, poor.mistakes)
    assert own.intervention.stall_s == 1.5
    assert own.intervention.reaction_s == poor.intervention.reaction_s
    made = ScriptedTeleopConfig(skill="poor", intervention=InterventionConfig(stall_s=1.5))
    assert made.intervention == own.intervention


def test_another_skill_can_be_set_on_top_of_a_saved_config() -> None:
    for options in ({}, {"skill": "poor"}, {"noise": 0.2, "intervention": {"max_s": 2.0}}):
        config = validate({"teleop": {"type": "scripted", **options}})
        saved = config.model_dump(mode="json")["teleop"]
        assert saved == {"type": "scripted", "skill": "ordinary", **options}
        assert said(**{**saved, "skill": "poor"}) == said(**{**options, "skill": "poor"})
        assert "type: scripted" in dump(config)


def test_a_run_that_goes_on_may_have_another_operator() -> None:
    config = validate({})
    assert config.may_change(["teleop", "skill"])
    assert config.may_change(["teleop", "intervention", "lets_go_early"])


# the hand


@pytest.mark.parametrize("noise", [0.03, 0.2])
def test_the_stick_shakes_by_the_stated_deviation(noise: float) -> None:
    shakes = acted(hand(noise=noise), 3000) - MEANT
    np.testing.assert_allclose(shakes[:, :3].std(axis=0), noise, rtol=0.05)
    assert not shakes[:, 3].any()


def test_a_bias_leans_to_one_side_all_episode_and_to_another_in_the_next() -> None:
    doer = hand(bias=0.3)
    first, second = (acted(doer, 20, episode) - MEANT for episode in (1, 2))
    for lean in (first, second):
        np.testing.assert_allclose(np.linalg.norm(lean[:, :3], axis=1), 0.3, rtol=1e-5)
        np.testing.assert_array_equal(lean, lean[:1].repeat(20, axis=0))
    assert np.abs(first[0] - second[0]).max() > 0.05
    np.testing.assert_array_equal(acted(hand(bias=0.3), 20), first + MEANT)
    assert np.abs(acted(hand(seed=1, bias=0.3), 1) - first[0] - MEANT).max() > 0.05


@pytest.mark.parametrize(("share", "length"), [(0.1, 4), (0.4, 1), (0.3, 6)])
def test_mistakes_take_the_stated_share_and_length(share: float, length: int) -> None:
    done = acted(hand(mistakes=share, mistake_s=length / 10), 20_000)
    wrong = (done != MEANT).any(axis=1)
    assert wrong.mean() == pytest.approx(share, abs=0.03)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wrong, [0]))))
    spells = edges[1::2] - edges[::2]  # that follow each other at once are one here
    assert not (spells % length)[:-1].any()


def test_a_mistake_goes_astray_at_full_deflection_or_opens_the_gripper() -> None:
    done = acted(hand(mistakes=0.2, mistake_s=0.3), 3000)
    opened = done[:, 3] == OPEN
    np.testing.assert_array_equal(done[opened, :3], MEANT[:3].repeat(opened.sum()).reshape(3, -1).T)
    astray = done[~opened & (done != MEANT).any(axis=1)]
    np.testing.assert_allclose(np.linalg.norm(astray[:, :3], axis=1), 1.0, rtol=1e-5)
    assert (astray[:, 3] == STAY).all()
    np.testing.assert_allclose(astray[:, :3].mean(axis=0), 0.0, atol=0.2)  # to no side more
    assert opened.sum() / (opened.sum() + len(astray)) == pytest.approx(0.5, abs=0.15)


def test_whatever_the_hand_does_is_an_action() -> None:
    done = acted(hand(skill="poor", noise=1.0, bias=1.0), 500)
    assert done.dtype == np.float32
    assert (np.abs(done[:, :3]) <= 1.0).all()
    assert set(done[:, 3]) <= {STAY, OPEN}


# the take-overs


def lengths(fps: float = 10.0, **options: Any) -> list[int]:
    """How long each take-over lasts, where there is never any progress."""
    watching = {"free_s": 0, "stall_s": 0.1, "reaction_s": 0, "max_share": 1.0}
    config = InterventionConfig(**{**watching, "max_s": 1.0, **options})  # type: ignore[arg-type]
    watcher = Watcher(config, 20_000, lambda _: 0.0, np.random.default_rng(0), fps)
    spot = np.zeros(3, np.float32)
    held = [
        watcher.intervenes(Truth(1, tick, spot, 0.0, {"object": spot}, success=False))
        for tick in range(10_000)
    ]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], held, [0]))))
    return list((edges[1::2] - edges[::2])[:-1])


def test_who_lets_go_early_stays_at_most_half_as_long_that_often() -> None:
    assert set(lengths()) == {10}
    assert set(lengths(lets_go_early=1.0)) == {1, 2, 3, 4, 5}
    some = np.array(lengths(lets_go_early=0.3))
    assert (some <= 5).mean() == pytest.approx(0.3, abs=0.05)
    assert set(some[some > 5]) == {10}
    assert set(lengths(lets_go_early=1.0, max_s=0.1)) == {1}


@pytest.mark.parametrize("fps", [5.0, 10.0, 30.0])
def test_a_take_over_takes_as_long_at_any_rate(fps: float) -> None:
    assert set(lengths(fps)) == {round(fps)}
    assert set(lengths(fps, max_s=0.01)) == {1}


def test_a_mistake_takes_as_long_at_any_rate() -> None:
    config = ScriptedTeleopConfig(noise=0.0, mistakes=0.2, mistake_s=0.3)
    done = acted(Hand(config, np.random.default_rng(0), fps=30.0), 5000)
    wrong = (done != MEANT).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wrong, [0]))))
    assert not ((edges[1::2] - edges[::2]) % 9)[:-1].any()


# the whole


def worlds(episode: int) -> list[Truth]:
    return [
        Truth(episode, tick, np.float32([0.2, 0, 0.05]), 40.0, {"object": np.float32([0.2, 0, 0])},
              success=False)
        for tick in range(80)
    ]  # fmt: skip


def operator(world: list[Truth], **options: Any) -> ScriptedTeleop:
    seen = iter(world)
    return ScriptedTeleop(
        ScriptedTeleopConfig(**options),
        lambda: next(seen),
        ReachOracle(Stick(np.full(3, 0.02, np.float32), fps=10)),
        workspace=(np.float32([0.1, -0.1, 0.0]), np.float32([0.3, 0.1, 0.1])),
        max_ticks=80,
        fps=10.0,
        seed=5,
        demonstrating=False,
    )


@pytest.mark.parametrize("skill", ["expert", "ordinary", "poor"])
def test_an_operator_goes_on_bit_for_bit_from_what_it_remembers(skill: Any) -> None:
    first = operator(worlds(1) + worlds(2), skill=skill)
    for _ in range(80):
        first.read()
    remembered = first.state()
    whole = np.stack([first.read().action for _ in range(80)])
    other = operator(worlds(1), skill=skill)  # in a new run the world counts from 1 again
    other.load_state(remembered)
    np.testing.assert_array_equal(np.stack([other.read().action for _ in range(80)]), whole)


def test_a_poor_operator_comes_later_than_an_expert() -> None:
    def first_tick(skill: Any) -> int:
        one = operator(worlds(1), skill=skill)
        return [one.read().intervening for _ in range(80)].index(True)

    expert, ordinary, poor = map(first_tick, ("expert", "ordinary", "poor"))
    assert (expert, ordinary, poor) == (20 + 1, 20 + 3, 25 + 6)
