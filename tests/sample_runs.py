"""Episodes, small runs and ways to wait, for the tests of what surrounds the loop."""

from pathlib import Path
from types import SimpleNamespace

from configs.load import merge, read, validate
from hil_app.control.monitor import Recording
from hil_app.control.outcomes import Episode, Finished
from hil_app.control.policy import NoPolicy
from hil_app.control.rate import Rate

TINY = {
    "env": {"control_time_s": 3.0},
    "policy": {"hidden_dims": [16], "latent_dim": 8},
    "learner": {"learning_starts": 20, "batch_size": 16, "gradient_steps": 1},
    "train": {"ticks": 60, "demonstrations": 2},
    "eval": {"episodes": 2, "video": False},
}


def tiny(folder, **changes):
    """The preset's run, cut down to less than a second."""
    small = merge(read("sim_pick_lift"), {**TINY, "output_dir": str(folder)})
    return validate(merge(small, changes))


def an_episode(
    ticks=10,
    *,
    success=False,
    intervention_ticks=0,
    reward=0.0,
    rerecord=False,
    terminated=False,
    stop=False,
):
    return Episode(
        seed=0,
        ticks=ticks,
        reward=reward,
        success=success,
        intervention_ticks=intervention_ticks,
        takeovers=int(intervention_ticks > 0),
        rerecord=rerecord,
        terminated=terminated,
        stop=stop,
    )


def ended(*ticks, **facts):
    """Episodes that ended at these ticks of their stage."""
    starts = [0, *ticks]
    return [Finished(an_episode(t - s, **facts), t) for s, t in zip(starts, ticks, strict=False)]


def a_loop(*late_ms):
    """As much of a loop as monitor, view and report look at, before its first tick."""
    rate = Rate(fps=30)
    rate.lateness.extend(ms / 1000 for ms in late_ms)
    return SimpleNamespace(
        rate=rate, newest=None, phase="acting", reset_until=0.0, policy=NoPolicy()
    )


def a_recording(**facts):
    """As much of a recording as view and report look at: a dataset that had 5 episodes."""
    known = {
        "count": 8,
        "safe": 8,
        "waiting": 12,
        "behind": 0.43,
        "most_waiting": 34,
        "furthest_behind": 1.25,
        "missing": 0,
    }
    return Recording(Path("data/lift"), SimpleNamespace(**{**known, **facts}), before=5)
