"""The one loop over episodes: every stage of every run goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hil_app.control.loop import Ask, Sink
from hil_app.control.monitor import Stage
from hil_app.control.outcomes import Episode

Seeds = Callable[[int], int]  # how many episodes the stage has so far -> the next one's seed


def at_once() -> None:
    """Never wait for the operator."""


def run_episodes(
    stage: Stage,
    seeds: Seeds,
    sinks: Sequence[Sink] = (),
    *,
    gate: Callable[[], Ask | None] = at_once,
) -> Iterator[Episode]:
    """Episode after episode until the stage has reached its goal, or its loop is to stop.

    ::

        stage = monitor.begin("train", 4000, "ticks", loop)
        for episode in run_episodes(stage, partial(seed_of, config, "train"), [learner.offer]):
            session.ended(stage, episode)

    Every sink gets every frame. Each episode is given as it ends; the stage counts it unless the
    operator threw it away or the stop cut it short, and the next one waits until the caller is done
    with it, and until the operator is ready if ``gate()`` has a way to ask.
    """
    loop = stage.loop
    while stage.done < stage.goal and not loop.stop():
        seed = seeds(len(stage.finished))
        episode = loop.episode(seed, [stage.frame, *sinks], ask=gate())
        stage.end(episode)
        yield episode
        if episode.stop:
            return
