"""The policy on its own: fixed seeds, nobody at the controls."""

from __future__ import annotations

from hil_app import build
from hil_app.learning.actor import GaussianActorPolicy
from hil_app.loop import Loop
from hil_app.monitor import EVALUATE
from hil_app.policy import LearnedPolicy
from hil_app.recording.film import Film
from hil_app.run_folder import FILM
from hil_app.session import Session
from robots.base import RenderError
from teleop.hands_off import HandsOff

FILMED = 3  # episodes in the film
HEIGHT, WIDTH = 360, 480


def run_episodes(session: Session, policy: GaussianActorPolicy) -> None:
    """Run the config's evaluation episodes; the session's monitor has the result."""
    loop = _loop(session, policy)
    stage = session.monitor.begin(EVALUATE, session.config.eval.episodes, "episodes", loop)
    with session.body:
        while stage.done < stage.goal and not session.stop():
            seed = build.seed_of(session.config, EVALUATE, stage.done)
            session.ended(stage, loop.episode(seed, [stage.frame]))


def film(session: Session, policy: GaussianActorPolicy) -> str | None:
    """Film the first evaluation episodes; returns why there is no film, if there is none."""
    config, loop = session.config, _loop(session, policy)
    with session.body as body:
        try:
            with Film(session.folder / FILM, config.env.fps, HEIGHT, WIDTH) as reel:
                for index in range(min(FILMED, config.eval.episodes)):
                    seed = build.seed_of(config, EVALUATE, index)
                    loop.episode(seed, [lambda _: reel.add(body.render("overview", HEIGHT, WIDTH))])
                    reel.hold()
        except (RenderError, OSError) as error:
            (session.folder / FILM).unlink(missing_ok=True)
            return str(error)
    return None


def _loop(session: Session, policy: GaussianActorPolicy) -> Loop:
    mind = LearnedPolicy(policy, deterministic=session.config.eval.deterministic)
    return build.loop(session.config, session.body, HandsOff(), mind, session.stop)
