"""Writing a dataset: the open episode in a journal, finished ones for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from configs.text.paths import typed
from hil_app.recording.disk import disk
from hil_app.recording.format.columns import MEASURED_JOINTS
from hil_app.recording.format.layout import (
    IMAGES,
    INFO,
    JOURNAL,
    RECOVERY,
    VIDEO_PATH,
    DatasetError,
    Info,
)
from hil_app.recording.format.rows import features_of
from hil_app.recording.format.spec import DatasetSpec as DatasetSpec  # named with its writer
from hil_app.recording.format.spec import check_features, check_fit
from hil_app.recording.frames import Frame
from hil_app.recording.images.video import described
from hil_app.recording.index import DatasetIndex
from hil_app.recording.lock import Lock
from hil_app.recording.mending.recovery import read_journal, settle
from hil_app.recording.mending.repair import Repaired, check_links, mend
from hil_app.recording.mending.set_aside import set_aside
from hil_app.recording.open_episode import OpenEpisode, encoders_of


class DatasetWriter:
    """Adds episodes to the dataset in ``root``, or begins one; ``close`` it at the end.

    What a crash left of an episode is brought back first: ``repaired`` tells. One thread may call
    it::

        for frame in episode:
            writer.add(frame, "record")
        writer.finish()  # or discard()

    Raises DatasetError if the dataset that is there does not fit or is in use, a frame is not like
    the others, the disk refuses or an encoder dies; every episode that was finished is safe then.
    """

    def __init__(self, root: Path, spec: DatasetSpec) -> None:
        self.root, self._spec = root, spec
        self._episode: OpenEpisode | None = None
        self._index: DatasetIndex | None = None
        self._died: DatasetError | None = None
        self.repaired = Repaired()
        with disk(root):
            root.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(root)
        try:
            with disk(root):
                self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> None:
        root = self.root
        check_links(root)
        if (root / INFO).exists():
            info = Info.read(root)
            check_fit(root, info, self._spec)
            self._index, self.repaired = mend(root, info)
        elif strangers := [path.name for path in root.iterdir() if path.name != INFO.parts[0]]:
            raise DatasetError(
                f"{root} is no dataset, but has {min(strangers)} in it: name a new folder"
            )

    @property
    def count(self) -> int:
        """Episodes in the dataset."""
        return self._index.info.episodes if self._index else 0

    @property
    def unmeasured(self) -> bool:
        """Whether an earlier version began the dataset: it has no place for what is measured."""
        return self._index is not None and MEASURED_JOINTS not in self._index.info.features

    def add(self, frame: Frame, stage: str) -> None:
        """Append a frame to the open episode, or begin one of ``stage``."""
        with self._alive():
            if self._episode is None:
                self._episode = self._begin(frame, stage)
            self._episode.add(frame)

    def finish(self) -> None:
        """End the open episode; it is safe, and counts, when this returns.

        A last frame that does not end the episode is marked as truncated.
        """
        with self._alive():
            assert self._episode is not None, "no episode is open"
            assert self._index is not None
            images = self._episode.end()
            content = read_journal(self.root / JOURNAL, self._index.info)
            parts = content.parts(self._index.info)
            if content.head is None or not content.complete(parts):
                raise DatasetError(
                    f"{content.path} does not hold what was written to it: is the disk sound? "
                    f"`hil-app dataset repair {typed(self.root)}` brings back what does"
                )
            settle(self._index, content, content.head, parts[0], images)
            self._forget()

    def discard(self) -> None:
        """Throw the open episode away, if there is one."""
        with self._alive():
            if self._episode is not None:
                self._forget()

    def keep(self, count: int, place: Path) -> int:
        """Let only the first ``count`` episodes stay; returns how many were moved to ``place``.

        They keep their paths there, in the same file system or another.
        """
        with self._alive():
            assert self._episode is None, "an episode is open"
            if self._index is None or count >= self.count:
                return 0
            return set_aside(self._index, count, place)

    def close(self) -> None:
        """Let others write; what there is of an open episode can be repaired."""
        if self._episode is not None:
            self._episode.close()
        self._lock.release()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """After an error nothing more is written: a hole in an episode would go unnoticed."""
        if self._died is not None:
            raise DatasetError(str(self._died)) from self._died
        try:
            with disk(self.root):
                yield
        except DatasetError as error:
            self._died = error
            raise

    def _begin(self, frame: Frame, stage: str) -> OpenEpisode:
        spec = self._spec
        features = features_of(frame, spec.names, spec.info, described(spec.encoding, spec.fps))
        if self._index is None:
            filmed = any(feature.dtype in IMAGES for feature in features.values())
            path = VIDEO_PATH if filmed else None
            info = Info(spec.fps, spec.robot_type, features, video_path=path)
        else:
            info = self._index.info
            check_features(self.root, info.features, features)
        encoders = encoders_of(info, spec.encoding)
        if self._index is None:
            info.write(self.root)
            self._index = DatasetIndex(self.root, info)
        header = {
            "episode": self.count,
            "stage": stage,
            "task": spec.task,
            "codec": spec.encoding.codec,
            "cameras": list(info.cameras.values()),
        }
        return OpenEpisode(self.root / JOURNAL, info, header, encoders)

    def _forget(self) -> None:
        """The episode is no longer under way."""
        assert self._episode is not None
        self._episode.remove()
        self._episode = None
        with suppress(OSError):  # a stranger's files may be in it
            (self.root / RECOVERY).rmdir()
