"""What can be started from the page: commands, each with the few options that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from configs.load import DEFAULT_PRESET

_ARM = ("robot.type", "robot.port", "robot.id")
_DEVICE = ("teleop.type", "teleop.port", "teleop.id")
_SERVOS = ("type", "port", "id", "calibration_dir")
_ALSO = "Ports that are not USB's"


@dataclass(frozen=True)
class Flag:
    """What a command takes beside a configuration's options, and what it is ``about``.

    It ``takes`` a YAML file's name in the working folder, several words as a shell has them, each
    of which is given by itself, or is only said. ``usual`` is what it is where nothing is given.
    """

    about: str
    takes: Literal["file", "words"] | None = None
    usual: str = ""


@dataclass(frozen=True)
class Form:
    """A command, and which of a configuration's options a browser may give it.

    Its options go on top of a ``base``: a preset or file, a run that there is, or what is
    ``fixed``. Of an option that is in ``choices`` only these can be chosen; ``usual`` is what is
    given to the command where a browser gives nothing. ``flags`` go by how they are spelled; one
    without dashes is a word alone.
    """

    name: str
    title: str
    about: str
    words: tuple[str, ...]
    options: tuple[str, ...]
    base: Literal["preset", "run", "fixed"] = "preset"
    preset: str = DEFAULT_PRESET
    fixed: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    usual: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, Flag] = field(default_factory=dict)
    page: bool = True  # whether the command has a page of its own


RUNS = (
    Form(
        "demo",
        "Demo",
        "The whole loop on the simulated arm: a scripted operator demonstrates, the policy learns "
        "and is evaluated. About two minutes.",
        ("demo",),
        ("train.demonstrations", "train.ticks", "eval.episodes", "env.paced", "seed"),
        base="fixed",
    ),
    Form(
        "teleoperate",
        "Teleoperate",
        "Move an arm by hand, and see how it does. With teleop.type=page you drive from the "
        "browser.",
        ("teleoperate",),
        (*_ARM, *_DEVICE, "teleop.take_over", "teleoperate.episodes", "teleoperate.record"),
        preset="sim_teleoperate",
        usual={"teleop.type": "page"},
    ),
    Form(
        "record",
        "Record",
        "Episodes into a dataset; one that is there already is gone on with.",
        ("record",),
        (
            *("dataset.root", "dataset.num_episodes", "dataset.task"),
            *(*_ARM, *_DEVICE, "env.reset_time_s"),
        ),
        preset="sim_pick_lift_pixels",
    ),
    Form(
        "train",
        "Train",
        "Demonstrate, learn with interventions, evaluate without.",
        ("train",),
        (
            *("train.demonstrations", "train.ticks", "train.eval_every", "eval.episodes"),
            *(*_ARM, *_DEVICE, "env.paced", "env.reset_time_s", "seed", "output_dir"),
        ),
    ),
    Form(
        "resume",
        "Go on training",
        "Go on with a run from its last checkpoint. train.ticks is its length in all.",
        ("train", "--resume={run}"),
        ("train.ticks", "train.eval_every", "eval.episodes", "robot.port", "teleop.port"),
        base="run",
    ),
    Form(
        "eval",
        "Evaluate",
        "Let a trained policy act on its own, and count its successes.",
        ("eval", "{run}"),
        (
            *("eval.episodes", "eval.deterministic", "eval.video", "robot.port"),
            *("env.paced", "env.reset_time_s", "seed"),
        ),
        base="run",
    ),
)
SETUP = (
    Form(
        "setup",
        "All steps",
        "From a boxed arm to a configuration that every command takes: port, motor IDs, "
        "calibration, cameras, workspace, and the doctor's look. What is done stays: begun again, "
        "it shows that, and goes on.",
        ("setup",),
        (),
        base="fixed",
        flags={
            "FILE": Flag(
                "YAML file in the working folder, new or begun; the arm is called as it is",
                "file",
                "my_arm.yaml",
            ),
            "--also": Flag(f"{_ALSO}, such as the link of a virtual arm; cameras", "words"),
        },
        page=False,
    ),
    Form(
        "find-port",
        "Port",
        "Find the serial port of an arm, by what answers there, or by unplugging it.",
        ("find-port",),
        (),
        base="fixed",
        flags={"--also": Flag(f"{_ALSO}, such as the link of a virtual arm", "words")},
        page=False,
    ),
    Form(
        "setup-motors",
        "Motor IDs",
        "Give new motors their IDs, one at a time.",
        ("setup-motors",),
        ("robot.port",),
        base="fixed",
        fixed={"robot": {"type": "so101"}},
        page=False,
    ),
    Form(
        "calibrate",
        "Calibrate",
        "Learn where the joints of an arm are, by moving it by hand with its motors limp.",
        ("calibrate",),
        tuple(f"robot.{name}" for name in _SERVOS),
        base="fixed",
        fixed={"robot": {"type": "so101"}},
        choices={"robot.type": ("so101", "so100")},
        usual={"robot.type": "so101"},
        page=False,
    ),
    Form(
        "calibrate-leader",
        "Calibrate a leader",
        "The same for a leader arm.",
        ("calibrate",),
        tuple(f"teleop.{name}" for name in _SERVOS),
        base="fixed",
        fixed={"teleop": {"type": "so101_leader"}},
        choices={"teleop.type": ("so101_leader", "so100_leader")},
        usual={"teleop.type": "so101_leader"},
        page=False,
    ),
    Form(
        "find-cameras",
        "Cameras",
        "See what each camera gives, and which options name it to a run.",
        ("find-cameras",),
        (),
        base="fixed",
        flags={"--also": Flag("Addresses of streams, video files, folders of images", "words")},
        page=False,
    ),
    Form(
        "find-limits",
        "Workspace",
        "Learn which space the arm may use, by moving it by hand with its motors limp.",
        ("find-limits",),
        _ARM,
        preset="so101_pick_lift",
        choices={"robot.type": ("so101", "so100")},
        flags={
            "--save": Flag("YAML file in the working folder to write the result into", "file"),
            "--reset-pose": Flag("Measure where episodes begin, too"),
            "--joint-limits": Flag("Limit each joint to where it has been, too"),
        },
        page=False,
    ),
    Form(
        "doctor",
        "Doctor",
        "Check all that a run needs: software, computer, arm, cameras. Nothing moves.",
        ("doctor",),
        (*_ARM, *_DEVICE),
        page=False,
    ),
)
FORMS = {form.name: form for form in (*RUNS, *SETUP)}
