"""The one loop over episodes: every stage of every run goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hil_app.control.loop import Sink
from hil_app.control.monitor import Stage
from hil_app.control.outcomes import Episode

Seeds = Callable[[int], int]  # how many episodes the stage has so far -> the next one's seed


def run_episodes(stage: Stage, seeds: Seeds, sinks: Sequence[Sink] = ()) -> Iterator[Episode]:
    """Episode after episode until the stage has reached its goal, or its loop is to stop.

    ::

        stage = monitor.begin("train", 4000, "ticks", loop)
        for episode in run_episodes(stage, partial(seed_of, config, "train"), [learner.offer]):
            session.ended(stage, episode)

    Every sink gets every frame. Each episode is given as it ends; the stage counts it unless the
    operator threw it away or the stop cut it short, and the next one waits until the caller is done
    with it.
    """
    loop = stage.loop
    while stage.done < stage.goal and not loop.stop():
        episode = loop.episode(seeds(len(stage.finished)), [stage.frame, *sinks])
        if not (episode.rerecord or episode.stop):
            stage.end(episode)
        yield episode
        if episode.stop:
            return
