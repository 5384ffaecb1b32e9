"""What all tests share."""

import os
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from virtual_arms import Running, virtual_arm

from hil_app.__main__ import main

# One thread each, here and in the commands that tests start: two workers share two cores, and a
# virtual arm that is kept waiting loses its time.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Ray asks for it when it is loaded, which any test may do first.
os.environ.setdefault("RAY_AUTH_MODE", "token")

# These machines are shared: an example's time says nothing. In CI every run tries the same ones.
settings.register_profile("shared", deadline=None, max_examples=50, derandomize="CI" in os.environ)
settings.load_profile("shared")


@pytest.fixture(scope="session", autouse=True)
def _own_sockets() -> Iterator[None]:
    """No other worker's arms: the kernel gives the number of a port that is gone to the next."""
    with TemporaryDirectory(prefix="hil") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield


@pytest.fixture(scope="module")
def chain() -> Iterator[Running]:
    """A virtual arm without a world, in order when the module begins."""
    with virtual_arm() as running:
        yield running


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., CompletedProcess[str]]:
    """A command in this process, which has loaded already what takes a new one seconds."""

    def run(*arguments: str, cwd: Path) -> CompletedProcess[str]:
        capsys.readouterr()
        with chdir(cwd):
            status = main(arguments)
        return CompletedProcess(arguments, status, *capsys.readouterr())

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What acts in real time comes last: it mostly waits, and must not be kept waiting."""
    items.sort(key=_in_real_time)


def _in_real_time(item: pytest.Item) -> bool:
    """Whether the module of a test has virtual arms, or people with devices in their hands."""
    module = item.getparent(pytest.Module)
    assert module is not None
    helpers = {getattr(value, "__module__", None) for value in vars(module.obj).values()}
    return not helpers.isdisjoint({"virtual_arms", "hand_sessions"})
