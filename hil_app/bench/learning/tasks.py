"""Runs as tasks of a Ray cluster: each where a core is free, and its folder is brought home.

What the cluster's computers need is this version of hil-app; no disk is shared. While a run is
under way its events and words come here, so that it is seen how far it is.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hil_app.bench import BenchError
from hil_app.bench.learning import started
from hil_app.bench.learning.processes import OURS
from hil_app.remote.cluster import own_version
from hil_app.runs.folder import EVENTS
from hil_app.support import tied

_PART = 4 * 2**20  # bytes that are sent at a time
_AHEAD = 4  # parts that may wait for us
_EVERY_S = 1.0  # how often a run is looked at
_Part = tuple[str, bytes]  # what it is of, and more of it
_HERE, _LOG, _FOLDER, _STATUS = "here", "log", "folder", "status"


class RayTasks:
    """The cluster that this program is in; a run takes a core, and ``gpus`` if it needs some."""

    def __init__(self, gpus: float = 0) -> None:
        import ray

        remote: Any = ray.remote(_run)
        self._task = remote.options(
            num_cpus=1,
            num_gpus=gpus,
            max_retries=0,
            num_returns="streaming",
            _generator_backpressure_num_objects=_AHEAD,
        )
        self._cancel: Callable[[Any], None] = ray.cancel
        self._get: Callable[[Any], _Part] = ray.get
        self._lost = ray.exceptions.RayError
        self._running: list[Any] = []
        self._lock, self._stopped = threading.Lock(), False

    def do(self, command: Sequence[str], folder: Path, log: Path) -> int:
        """See `Place`."""
        ours = tuple(command[: len(OURS)]) == OURS
        words = [*command[len(OURS) :]] if ours else [*command]
        log.write_bytes(b"")
        with self._lock:
            if self._stopped:
                raise BenchError("is not begun any more")
            parts = self._task.remote(words, ours, own_version())
            self._running.append(parts)
        try:
            return _home((self._get(each) for each in parts), folder, log)
        except self._lost as error:
            said = " ".join(str(error).split())
            raise BenchError(f"is lost with its computer or task: {said[-300:]}") from error
        finally:
            self._running.remove(parts)

    def stop(self) -> None:
        """See `Place`."""
        with self._lock:
            self._stopped = True
            for parts in [*self._running]:
                self._cancel(parts)


def _home(parts: Iterator[_Part], folder: Path, log: Path) -> int:
    """Put what comes of a run where it belongs; returns its exit status."""
    archive, status = folder.with_name(f"{folder.name}.tar"), -1
    files = {_LOG: log, EVENTS: folder / EVENTS, _FOLDER: archive}
    archive.unlink(missing_ok=True)
    try:
        for kind, content in parts:
            if kind == _STATUS:
                status = int(content)
            elif kind == _HERE:
                started.correct(folder, json.loads(content))
            else:
                files[kind].parent.mkdir(exist_ok=True)
                with files[kind].open("ab") as file:
                    file.write(content)
        if archive.exists():
            _unpack(archive, folder)
    finally:
        archive.unlink(missing_ok=True)
    return status


def _unpack(archive: Path, folder: Path) -> None:
    """The run of an archive becomes that in ``folder``, at once."""
    arriving = folder.with_name(f"{folder.name}_arriving")
    shutil.rmtree(arriving, ignore_errors=True)
    with tarfile.open(archive) as content:
        content.extractall(arriving, filter="data")
    shutil.rmtree(folder, ignore_errors=True)
    arriving.rename(folder)


# What follows runs in the task.


def _run(words: Sequence[str], ours: bool, version: str) -> Iterator[_Part]:
    """Run a command, one of ``ours`` or another, and tell all that it leaves."""
    if own_version() != version:
        raise RuntimeError(f"this computer has hil-app {own_version()}, not {version}")
    command = [*OURS, *words] if ours else words
    yield _HERE, json.dumps(started.facts()).encode()
    with TemporaryDirectory(prefix="hil_app_") as place:
        folder, log = Path(place, "run"), Path(place, "log")
        process = tied.start([*command, f"--output_dir={folder}"], log)
        news = {_LOG: _News(log), EVENTS: _News(folder / EVENTS)}
        try:
            while process.poll() is None:
                time.sleep(_EVERY_S)
                yield from ((kind, more) for kind, one in news.items() if (more := one.read()))
        finally:  # this task may be cancelled
            process.terminate()
            process.wait()
        yield _LOG, news[_LOG].read()
        if folder.is_dir():
            yield from ((_FOLDER, part) for part in _packed(folder, Path(place, "tar")))
        yield _STATUS, str(process.returncode).encode()


class _News:
    """What is added to a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def read(self) -> bytes:
        """What is new."""
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._read)
            found = file.read(_PART)
            self._read += len(found)
            return found
        return b""


def _packed(folder: Path, archive: Path) -> Iterator[bytes]:
    with tarfile.open(archive, "w") as content:
        content.add(folder, ".")
    with archive.open("rb") as file:
        while part := file.read(_PART):
            yield part
