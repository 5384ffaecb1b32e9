"""Python, the packages, torch and off-screen OpenGL."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from hil_app.checks.finding import Findings, note, ok, problem
from hil_app.checks.probe import probe
from hil_app.namesakes import PACKAGES as OURS
from hil_app.namesakes import in_folder

# By the module that it is loaded as, each package but torch, which is asked more.
PACKAGES = {
    "robots.twin.physics": "mujoco",  # without OpenGL, which is asked for itself
    "placo": "placo",
    "cv2": "opencv-python",
    "av": "av",
    "scservo_sdk": "feetech-servo-sdk",
    "serial": "pyserial",
    "pydantic": "pydantic",
    "pydantic_settings": "pydantic-settings",
    "numpy": "numpy",
    "yaml": "pyyaml",
    "matplotlib": "matplotlib",
    "rich": "rich",
    "safetensors": "safetensors",
    "pygame": "pygame",
    "hid": "hidapi",
}
_OLDEST = (3, 11)
_SLOW = 50.0  # a small image should not take longer [ms]
_DRAWING = "on Debian/Ubuntu: sudo apt install libegl1 libgl1-mesa-dri; or set MUJOCO_GL to osmesa"


def python() -> Findings:
    """Python and this program."""
    fact = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST:
        yield problem(fact, f"install Python {'.'.join(map(str, _OLDEST))} or newer")
    else:
        yield ok(f"{fact}, hil-app {metadata.version('hil-app')}")


def namesakes() -> Findings:
    """Whether packages of others have the names of ours."""
    for name, others in sorted(_owners().items()):
        yield problem(
            f"{' and '.join(sorted(others))} installs a package {name}, too, among whose files are "
            "ours",
            "install hil-app in an environment of its own",
        )
    for place in in_folder(os.getcwd()):
        yield note(
            f"{place} has the name of a package of hil-app: programs that start here take it for "
            "ours",
            "type `hil-app`, not `python -m hil_app`, or rename it",
        )


def _owners() -> dict[str, set[str]]:
    """Which other distributions installed a package into the same folder, by our packages."""
    by_name = metadata.packages_distributions()
    others = {name: {*by_name.get(name, ())} - {"hil-app"} for name in OURS}
    return {name: owners for name, owners in others.items() if owners}


def packages() -> Findings:
    """Whether every package that a run needs can be loaded."""
    outcome = probe("import", *PACKAGES)
    answers = {answer["module"]: answer.get("error") for answer in outcome.answers}
    if outcome.crash:
        culprit = next((name for name in PACKAGES if name not in answers), "Python")
        yield problem(f"loading {culprit} crashed: {outcome.crash}", _reinstall(culprit))
    for module, error in answers.items():
        if error:
            yield problem(f"{PACKAGES[module]} does not load ({error})", _reinstall(module))
    there = [PACKAGES[module] for module, error in answers.items() if not error]
    if there:
        yield ok(", ".join(f"{name} {_version(name)}" for name in there))


def torch(device: str) -> Findings:
    """What torch computes with, and that it can on the learner's ``device``."""
    outcome = probe("torch", device)
    if not outcome.answers:
        yield problem(
            f"torch does not compute: {outcome.crash}",
            "install it again: pip install --force-reinstall torch",
        )
        return
    first, *rest = outcome.answers
    gpus = ", ".join(first["gpus"]) or "no CUDA device"
    yield ok(f"torch {first['version']}, {first['threads']} threads, {gpus}")
    for answer in rest:
        yield problem(
            f"learner.device is {device}, on which torch cannot compute ({answer['error']})",
            "set --learner.device=cpu, or install the torch that fits this computer's GPU",
        )


def drawing(needed: bool) -> Findings:
    """Whether the simulated world can be drawn; only simulated cameras and videos need it."""
    mark = problem if needed else note
    why = "" if needed else "only simulated cameras and videos need it; "
    outcome = probe("draw")
    if not outcome.answers:
        yield mark(f"off-screen OpenGL does not work: {outcome.crash}", why + _DRAWING)
        return
    (answer,) = outcome.answers
    fact = f"off-screen OpenGL draws in {answer['ms']:.0f} ms ({answer['renderer']})"
    if outcome.crash:
        yield mark(f"off-screen OpenGL crashes when it ends: {outcome.crash}", why + _DRAWING)
    elif answer["contrast"] < 1:
        yield mark(f"{fact}, but the image is empty", why + _DRAWING)
    elif answer["ms"] > _SLOW:
        yield note(f"{fact}, which is slow", "install the driver of the computer's GPU")
    else:
        yield ok(fact)


def _reinstall(module: str) -> str:
    if module not in PACKAGES:
        return "make a new environment, and install hil-app there: in a checkout, make clean demo"
    return f"install it again: pip install --force-reinstall {PACKAGES[module]}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # the module comes from another package, as a fork does
        return "(another package's)"
