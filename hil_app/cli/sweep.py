"""``hil-app sweep``: which options learn best, several at a time, the worse stopped early."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from configs.load import DEFAULT_PRESET, ConfigError, Parser, load, presets
from configs.options.parser import count
from configs.run import RunConfig
from configs.text.paths import expanded
from hil_app.remote.cluster import LOCAL, joined
from hil_app.runs.folder import claim, new_run
from hil_app.support.extras import check_installed
from hil_app.sweep.over import Over, draws, parse

if TYPE_CHECKING:  # loaded late
    from rich.console import Console

    from hil_app.sweep.plan import Halving, Plan, Trial

PLOT = "sweep.png"
EVERY, EPISODES = 500, 20  # an evaluation, where the configuration has none
FACTOR = 3.0
DESCRIPTION = """\
Train with other options beside each other, and find which do best. Values to go over are a list, a
range, or a range that is gone over evenly in its logarithm:

  hil-app sweep --config_path=hil --robot.task=push --over learner.batch_size=64,128,256
  hil-app sweep --over algorithm.actor_lr=log:1e-4..1e-3 --over learner.n_steps=1..5 --samples=8

Every trial is a run of `hil-app train` in a folder of its own, whose command is shown. At its
evaluations a trial is stopped if it does worse than two thirds of the others (ASHA). With the same
--output_dir, a sweep that was stopped or killed goes on: each trial from its last checkpoint. Any
--block.key=value is handed on to every trial.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options, handed_on = _options(argv)
    check_installed("ray", "hil-app sweep")
    base = _base(options, handed_on)
    trials = _trials(options, base)
    from rich.console import Console

    from hil_app.bench import BenchError
    from hil_app.sweep.plan import Plan

    folder = options.output_dir or new_run("sweep")
    config = _loaded(base)
    plan = Plan(folder, [one.name for one in options.over], trials, _halving(options, config))
    console, goes_on = Console(), plan.claim()
    if goes_on and all(plan.state(one) in ("finished", "stopped") for one in trials):
        console.out(f"{folder} is finished: nothing is left to do", highlight=False)
        _show(plan, options.over, console)
        return 0
    console.out(f"sweep folder: {folder}, {len(trials)} trials", highlight=False)
    failures = _swept(plan, options, config, console)
    _show(plan, options.over, console)
    if failures:
        raise BenchError("; ".join(failures))
    return 0


def _swept(
    plan: Plan, options: argparse.Namespace, config: RunConfig, console: Console
) -> list[str]:
    """Train all that is left; returns what is wrong with some. Whatever ends it, no run goes on."""
    gpus = options.gpus
    if gpus is None:
        gpus = 1.0 if config.learner.device.startswith("cuda") else 0.0
    try:
        with joined(options.ray) as cores, _watched(plan, console):
            from hil_app.sweep.tuned import run as tune

            return tune(plan, options.jobs or cores, gpus)
    finally:
        _await_ends(plan)
        if sys.exc_info()[0] is not None:
            console.out("the same command goes on with it", highlight=False)


def _options(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser("hil-app sweep", DESCRIPTION, "[options] [--block.key=value ...]")
    parser.add_argument(
        "--config_path",
        metavar="PRESET|FILE",
        default=DEFAULT_PRESET,
        help=f"a preset ({', '.join(presets())}) or a YAML file (default: {DEFAULT_PRESET})",
    )
    parser.add_argument(
        "--over",
        action="append",
        type=parse,
        metavar="NAME=VALUES",
        default=[],
        help="an option and what it may be: A,B,C or LOW..HIGH or log:LOW..HIGH, whole numbers "
        "where both ends are; may be repeated",
    )
    parser.add_argument(
        "--samples",
        type=count,
        help="trials, drawn at random by the run's seed (default: all that the lists come to)",
    )
    parser.add_argument(
        "--grace",
        type=count,
        metavar="TICKS",
        help="a trial is stopped no sooner (default: two evaluations)",
    )
    parser.add_argument("--no-stop", action="store_true", help="train every trial to its end")
    parser.add_argument("--jobs", type=count, help="trials at a time (default: one a core)")
    parser.add_argument(
        "--gpus",
        type=_share,
        metavar="SHARE",
        help="of a GPU that a trial takes (default: 1 with learner.device=cuda, else 0)",
    )
    parser.add_argument(
        "--ray",
        default=LOCAL,
        metavar="HOST:PORT",
        help="the Ray cluster that this computer has joined (default: one of its own, for as long "
        "as the sweep goes on); see `hil-app cluster`",
    )
    parser.add_argument(
        "--output_dir", type=expanded, help="folder of the trials (default: runs/<time>_sweep)"
    )
    return parser.parse_known_args(argv)


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 64:
        raise argparse.ArgumentTypeError(f"must be from 0 to 64, got {text}")
    return share


def _base(options: argparse.Namespace, handed_on: Sequence[str]) -> tuple[str, ...]:
    """The options of every trial. Raises ConfigError if a training would refuse them."""
    if not options.over:
        raise ConfigError(
            "--over is missing: name an option and its values, as in "
            "--over learner.batch_size=64,128,256"
        )
    names = [one.name for one in options.over]
    given = [word.removeprefix("--").partition("=")[0] for word in handed_on]
    if twice := [name for name in names if names.count(name) > 1 or name in given]:
        raise ConfigError(f"{twice[0]} is given twice: leave out one")
    base = (f"--config_path={options.config_path}", *handed_on)
    if _loaded(base).train.eval_every is not None:
        return base
    return (*base, f"--train.eval_every={EVERY}", f"--train.eval_episodes={EPISODES}")


def _trials(options: argparse.Namespace, base: tuple[str, ...]) -> list[Trial]:
    """All trials. Raises ConfigError if one would be refused."""
    from hil_app.sweep.plan import Trial

    names = [one.name for one in options.over]
    trials = []
    for number, values in enumerate(draws(options.over, options.samples, _loaded(base).seed)):
        own = (f"--{name}={value}" for name, value in zip(names, values, strict=True))
        trials.append(Trial(number, values, (*base, *own)))
        _loaded(trials[-1].options)
    return trials


def _loaded(words: Sequence[str]) -> RunConfig:
    return load(Parser("hil-app sweep"), words, DEFAULT_PRESET)[0]


def _halving(options: argparse.Namespace, config: RunConfig) -> Halving | None:
    from hil_app.sweep.plan import Halving

    if options.no_stop:
        if options.grace:
            raise ConfigError("--grace: with --no-stop no trial is stopped: leave one out")
        return None
    return Halving(options.grace or 2 * (config.train.eval_every or EVERY), FACTOR)


@contextmanager
def _watched(plan: Plan, console: Console) -> Iterator[None]:
    """Show how far the trials are while the block trains them."""
    from rich.live import Live
    from rich.table import Table

    from hil_app.bench.learning.outcome import so_far

    def so_far_of_all() -> Table:
        states = {one: plan.state(one) for one in plan.trials}
        over = sum(state in ("finished", "stopped") for state in states.values())
        grid = Table.grid(padding=(0, 2))
        grid.add_row("trials", f"{over} of {len(states)} are over")
        for one, state in states.items():
            if state == "unfinished":
                grid.add_row(one.name, so_far(plan.path(one)))
        return grid

    with Live(get_renderable=so_far_of_all, console=console, refresh_per_second=1):
        yield


def _await_ends(plan: Plan, patience_s: float = 60.0) -> None:
    """Wait until nobody writes into a trial's folder any more."""
    end = time.monotonic() + patience_s
    for folder in map(plan.path, plan.trials):
        while folder.is_dir() and time.monotonic() < end and _taken(folder):
            time.sleep(0.2)


def _taken(folder: Path) -> bool:
    try:
        claim(folder).release()
    except ConfigError:
        return True
    return False


def _show(plan: Plan, over: Sequence[Over], console: Console) -> None:
    """Write the picture, and show the table and the best trial's command."""
    from hil_app.sweep import shown

    ranked = plan.ranked()
    if not ranked:
        return
    console.print(shown.table(ranked, over))
    shown.plot(ranked, over, plan.folder / PLOT)
    best = ranked[0].trial
    console.out(f"the best: {best.command}", highlight=False)
    console.out(f"in {plan.folder}: {PLOT} and a folder a trial", highlight=False)
