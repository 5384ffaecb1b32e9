"""Every error that the command line turns into one line instead of a traceback."""

from __future__ import annotations

from configs.load import ConfigError
from hil_app.bench.learn import BenchError
from hil_app.learning.checkpoint import CheckpointError
from hil_app.learning.learner import LearnerDied
from hil_app.learning.vision import VisionError
from hil_app.recording.layout import DatasetError
from hil_app.recording.recorder import RecorderDied
from hil_app.rewards.classifier import ClassifierError
from robots.base import RobotError
from teleop.base import TeleopError

APP_ERRORS = (
    ConfigError,
    RobotError,
    TeleopError,
    LearnerDied,
    RecorderDied,
    DatasetError,
    CheckpointError,
    VisionError,
    ClassifierError,
    BenchError,
)
