"""The root of all errors that end a command in one line, and the tree that grows from it.

::

    HilAppError                    exit status 1
    ├── ConfigError                exit status 2: a configuration or an option cannot be used
    │   ├── NoHome                 a path begins with ``~`` and a name that no user has
    │   └── RegistryError          nothing is registered by that name, or something is already
    ├── RobotError                 a robot cannot do what was asked
    │   ├── NotConnected           it was used outside its ``with`` block, or is not there
    │   │   ├── PortInUse          another program has the port open
    │   │   ├── SpeedRefused       this system cannot have a port at that speed
    │   │   └── WrongArm           the port is another arm's now
    │   ├── BusTimeout             a motor does not answer
    │   ├── ServoFault             a motor is in trouble, or is another one
    │   ├── LoopStalled            nobody has commanded the arm for too long
    │   ├── Uncalibrated           it is not known where the joints are
    │   ├── CameraError            a camera cannot be opened, or is lost
    │   ├── RenderError            there is no off-screen OpenGL
    │   └── InputEnded             nobody is there to answer
    ├── TeleopError                a teleoperator cannot do what was asked
    ├── DatasetError               a dataset cannot be read or written
    ├── HubError                   the Hugging Face hub cannot be reached, or refuses
    ├── RecorderDied               nothing is recorded any more
    ├── CheckpointError            a checkpoint cannot be read or written
    ├── LearnerDied                nothing is learned any more
    ├── DemonstrationsFailed       nobody shows how the task is done
    ├── ExportError                a policy cannot be what another program needs
    ├── VisionError                the weights of a vision encoder cannot be had
    ├── ClassifierError            a classifier cannot be trained, read or used
    ├── ClusterError               several computers cannot be used together
    ├── Lost                       the learner on another machine is out of reach
    ├── OtherLearner               a robot cannot learn from the learner there
    ├── NotSent                    not all of a run is with the learner there
    ├── Refused                    a page is asked for what it does not do
    │   ├── NotHere                what it is asked for is not here
    │   └── Busy                   not now: something is under way, or has changed
    └── BenchError                 a run of a benchmark failed

Each message has the facts and what to do. Only the command line turns errors into exit statuses;
whoever brings an error of their own derives it from one of these.
"""

from __future__ import annotations

from typing import ClassVar


class HilAppError(Exception):
    """Something cannot go on, and the message says what and why, and what to do."""

    exit_status: ClassVar[int] = 1


class ConfigError(HilAppError):
    """A configuration cannot be used; the message has the dotted path and what is allowed."""

    exit_status = 2
