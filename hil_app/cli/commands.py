"""All commands of hil-app in one table: a new one is a line here and a module with ``run``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from configs.errors import ConfigError
from configs.text.reading import did_you_mean, shown


@dataclass(frozen=True)
class CliCommand:
    """``hil-app NAME``: its ``module`` of hil_app has ``run(argv)``, which returns an exit status.

    ``dataset info`` is below ``dataset``, which needs no module: it lists what is below it, and
    ``closing`` is the last line. Those that are below none have a ``group`` in the program's help.
    """

    name: str
    summary: str  # beside the name it fits on 80 columns
    module: str = ""
    group: str = ""
    closing: str = ""

    @property
    def word(self) -> str:
        """What is typed for it, after what it is below."""
        return self.name.rpartition(" ")[2]

    def below(self) -> list[CliCommand]:
        """The commands with one more word."""
        return [one for one in COMMANDS if one.name.rpartition(" ")[0] == self.name]

    def run(self, argv: Sequence[str]) -> int:
        """Run it, or print the list of those below it; returns its exit status."""
        if not self.module:
            print("\n".join(_help(self)))
            return 0
        status: int = import_module(f"hil_app.{self.module}").run(argv)
        return status


ALSO = "also"  # the group of those that the program's help names without a line for each
PROGRAM = CliCommand("", "teach a robot arm by taking over when it errs; begin with `hil-app demo`")
COMMANDS = (
    CliCommand("demo", "the whole loop on the simulated arm", "cli.demo", "run"),
    CliCommand("train", "demonstrate, learn with interventions, evaluate", "cli.train", "run"),
    CliCommand("eval", "evaluate a trained policy without interventions", "cli.eval", "run"),
    CliCommand("sweep", "find which options learn best, several at a time", "cli.sweep", ALSO),
    CliCommand("runs", "list runs; show, compare, clean them", "cli.runs.listing", "run"),
    CliCommand("runs show", "what one came to, and how to go on with it", "cli.runs.show"),
    CliCommand("runs compare", "the curves of several in one picture", "cli.runs.compare"),
    CliCommand("runs clean", "remove some, or those that came to nothing", "cli.runs.clean"),
    CliCommand("page", "start and look at runs in a browser", "cli.page", "run"),
    CliCommand("export", "a trained policy for other programs", "cli.export", "run"),
    CliCommand("teleoperate", "move an arm by hand, and see how it does", "cli.teleoperate", "run"),
    CliCommand("record", "record episodes into a dataset", "cli.record", "run"),
    CliCommand(
        "dataset",
        "look at, replay, edit, crop, repair, share a dataset",
        group="data",
        closing="To merge or split datasets, use lerobot's own tools: the format is theirs.",
    ),
    CliCommand("dataset info", "episodes, successes, interventions, cameras", "cli.dataset.info"),
    CliCommand("dataset view", "images of episodes, with all that happened", "cli.dataset.view"),
    CliCommand("dataset replay", "have an arm do an episode again", "cli.dataset.replay"),
    CliCommand("dataset edit", "delete, trim, mark episodes; undo", "cli.dataset.edit"),
    CliCommand("dataset crop", "a copy whose images show a part", "cli.dataset.crop"),
    CliCommand("dataset convert", "a copy for policies that act by joints", "cli.dataset.convert"),
    CliCommand(
        "dataset repair", "bring back what a crash left of an episode", "cli.dataset.repair"
    ),
    CliCommand("dataset push", "upload it to the Hugging Face hub", "cli.dataset.push"),
    CliCommand("dataset pull", "download one from the Hugging Face hub", "cli.dataset.pull"),
    CliCommand(
        "train-classifier",
        "learn from episodes what success looks like",
        "cli.train_classifier",
        "data",
    ),
    CliCommand("setup", "from a boxed arm to a saved config", "cli.setup.command", "arm"),
    CliCommand("find-port", "find the serial port of an arm", "cli.arm.find_port", "arm"),
    CliCommand(
        "setup-motors", "give new motors their IDs, one at a time", "cli.arm.setup_motors", "arm"
    ),
    CliCommand("calibrate", "learn where an arm's joints are", "cli.arm.calibrate", "arm"),
    CliCommand("find-limits", "learn which space an arm may use", "cli.arm.find_limits", "arm"),
    CliCommand(
        "find-cameras", "list the cameras, and say how to use them", "cli.find_cameras", "arm"
    ),
    CliCommand(
        "virtual-arm", "an arm that is not there, on a port that is", "cli.arm.virtual_arm", "arm"
    ),
    CliCommand(
        "virtual-arm set", "make things go wrong with it while it runs", "cli.arm.virtual_arm_set"
    ),
    CliCommand("virtual-arm move", "move it as a hand does", "cli.arm.virtual_arm_move"),
    CliCommand("virtual-arm sweep", "each joint to both of its ends", "cli.arm.virtual_arm_sweep"),
    CliCommand("gamepad", "try a gamepad or keyboard, teach an unknown one", group="tools"),
    CliCommand(
        "gamepad test", "show live what every control does; nothing moves", "cli.gamepad.live"
    ),
    CliCommand("gamepad setup", "teach a joystick that is not known", "cli.gamepad.setup"),
    CliCommand("gamepad layout", "print or draw what every control does", "cli.gamepad.layout"),
    CliCommand("learner", "one on another machine, for robots to join", group=ALSO),
    CliCommand("learner start", "start it here, on a Ray cluster", "cli.learner.start"),
    CliCommand("learner status", "what it is at, and who has joined", "cli.learner.status"),
    CliCommand("learner stop", "end it, with everything kept", "cli.learner.stop"),
    CliCommand("learner flush", "send what a run could not", "cli.learner.flush"),
    CliCommand("config", "show a run's configuration, import one of lerobot", group=ALSO),
    CliCommand("config show", "print what preset, file and options come to", "cli.config.show"),
    CliCommand("config import", "make our YAML of a config of lerobot", "cli.config.importing"),
    CliCommand("plugins", "list what a config can name, and who brought it", "cli.plugins", ALSO),
    CliCommand("cluster", "several computers together, by Ray", group=ALSO),
    CliCommand("cluster up", "bring one up, or join it", "cli.cluster.up"),
    CliCommand("cluster status", "who is in it, and what is free", "cli.cluster.status"),
    CliCommand("cluster down", "take this computer out of it", "cli.cluster.down"),
    CliCommand("doctor", "check computer, arm and cameras for a run", "cli.doctor", "tools"),
    CliCommand("completion", "have bash or zsh complete all this", "cli.completion.command", ALSO),
    CliCommand("bench", "measure speed, and what faults lead to", group=ALSO),
    CliCommand("bench step", "the time of a tick's parts", "bench.commands.step"),
    CliCommand("bench loop", "how late the ticks of a 30 Hz loop are", "bench.commands.loop"),
    CliCommand("bench learner", "an update, plain and fast", "bench.commands.learner"),
    CliCommand("bench replay", "batches from a replay buffer", "bench.commands.replay"),
    CliCommand("bench swap", "new weights to the policy that acts", "bench.commands.swap"),
    CliCommand("bench bus", "our servo bus beside the bare SDK", "bench.commands.bus"),
    CliCommand("bench teleop", "how soon the arm does what the pad says", "bench.commands.teleop"),
    CliCommand("bench page", "what the page costs, how soon it is obeyed", "bench.commands.page"),
    CliCommand("bench record", "what recording two cameras costs", "bench.commands.record"),
    CliCommand("bench load", "a dataset into a replay buffer", "bench.commands.load"),
    CliCommand("bench learn", "how soon and how surely a preset learns", "bench.commands.learn"),
    CliCommand("bench hil", "how much of somebody's time tasks take", "bench.commands.hil"),
    CliCommand("bench oracle", "how surely the scripted operator does it", "bench.commands.oracle"),
    CliCommand("bench robust", "a policy in scenes that are changed", "bench.commands.robust"),
    CliCommand("bench twin", "how fast the simulated arm runs", "bench.commands.twin"),
    CliCommand("bench faults", "what happens when the arm fails", "bench.commands.faults"),
    CliCommand("bench remote", "a learner elsewhere, and a bad network", "bench.commands.remote"),
    CliCommand("bench crashes", "what kill -9 does to a dataset", "bench.commands.crashes"),
    CliCommand("bench torture", "hostile inputs and surroundings", "bench.commands.torture"),
)


def find(argv: Sequence[str]) -> tuple[CliCommand, Sequence[str]]:
    """The command that ``argv`` begins with, and the rest; raises ConfigError if there is none."""
    found = PROGRAM
    while argv and (inner := [one for one in found.below() if one.word == argv[0]]):
        found, argv = inner[0], argv[1:]
    if not found.module and argv and argv[0] not in ("-h", "--help"):
        known = [one.word for one in found.below()]
        said = f"{found.name} {shown(argv[0], 60)}".strip()
        deeper = [one.name for one in COMMANDS if one.word == argv[0]]
        meant = f" (did you mean {' or '.join(deeper)}?)"
        hint = meant if deeper else did_you_mean(argv[0], [*known, "--help", "--version"])
        raise ConfigError(f"unknown command '{said}'{hint}; commands: {', '.join(known)}")
    return found, argv


def _help(command: CliCommand) -> Iterator[str]:
    """What is below a command, in lines."""
    start = f"hil-app {command.name}".strip()
    yield f"{command.summary[0].upper()}{command.summary[1:]}."
    yield f"usage: {start} COMMAND [options]   (COMMAND -h explains each)"
    yield ""
    listed, group = command.below(), ""
    wide = max(len(one.word) for one in listed)
    for one in listed:
        if one.group == ALSO:
            continue
        heading = one.group if one.group != group else ""
        margin = f"  {heading:<7}" if one.group else "  "
        yield f"{margin}{one.word:<{wide}}  {one.summary}"
        group = one.group
    if also := [one.word for one in listed if one.group == ALSO]:
        yield f"  {ALSO:<7}{', '.join(also)}"
    if command.closing:
        yield from ("", command.closing)
