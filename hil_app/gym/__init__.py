"""Our tasks as gymnasium environments; importing this registers them.

::

    import gymnasium
    from hil_app.gym import HumanInTheLoop

    env = gymnasium.make("HilApp/PickLift-v0", obs="state", robot="so100")
    env = HumanInTheLoop(env, "scripted")
"""

from __future__ import annotations

from hil_app.support.extras import how_to_install

try:
    import gymnasium
except ModuleNotFoundError:
    raise ImportError(
        f"hil_app.gym needs gymnasium: run {how_to_install('gymnasium')}", name="gymnasium"
    ) from None

from configs import plugins
from configs.task import TASKS
from hil_app.gym.env import ArmEnv as ArmEnv
from hil_app.gym.human import HumanInTheLoop as HumanInTheLoop

LONGEST = 100  # of an episode [steps], 10 s at the usual 10 Hz


def id_of(task: str) -> str:
    """The id of a task's environment: ``HilApp/PickLift-v0`` of ``pick_lift``."""
    return f"HilApp/{''.join(word.capitalize() for word in task.split('_'))}-v0"


def register() -> None:
    """Register an environment for every task that there is by now, a plug-in's too."""
    plugins.load()
    for entry in TASKS:
        name = id_of(entry.name)
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                f"{ArmEnv.__module__}:{ArmEnv.__name__}",
                max_episode_steps=LONGEST,
                kwargs={"task": entry.name},
            )


register()
