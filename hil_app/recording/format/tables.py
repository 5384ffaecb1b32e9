"""The parquet files of a dataset: numbers, episodes, tasks."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.text.reading import shown
from configs.text.writing import write_whole
from hil_app.recording.format.columns import is_vector
from hil_app.recording.format.inside import check_inside, check_regular
from hil_app.recording.format.layout import EPISODES, IMAGES, TASKS, DatasetError, Feature, Info
from hil_app.recording.format.pages import claimed
from hil_app.recording.format.rows import Numbers
from hil_app.recording.format.stats import Stats
from hil_app.support.files import make_folder
from hil_app.support.words import plural

TASK_INDEX = "task_index"
REMEDY = "delete the episode with lerobot-edit-dataset, or record it again"
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError)
MOST_VALUES = 1 << 27  # numbers in a file
MOST_BYTES = 1 << 30  # of images and texts in a file
MOST_OF_PAGE = 1 << 27  # bytes, unpacked: other tools make pages of 1 MB, or of one image
MOST_ROWS = 4096  # of images and texts that are read at once


def write_table(path: Path, table: Any) -> None:
    """Write a table whole; OSError if the disk refuses."""
    sink = io.BytesIO()
    pq.write_table(
        table, sink, use_dictionary=False, write_statistics=False, write_page_checksum=True
    )
    make_folder(path.parent)
    write_whole(path, sink.getvalue())


def read_table(
    path: Path,
    columns: Collection[str] | None = None,
    without: str = "/",
    among: Collection[str] | None = None,
) -> Any:
    """A table, or some columns of it, or those of it that are ``among`` some.

    None whose name begins with ``without``. DatasetError if the file is missing, damaged or much
    too large, or lacks one of ``columns``.
    """
    check_regular(path)
    try:
        with (
            pa.OSFile(str(path)) as raw,  # one file throughout, even if another takes its name
            pq.ParquetFile(raw, page_checksum_verification=True) as file,
        ):
            there = file.schema_arrow.names
            if missing := set(columns or ()) - set(there):
                raise DatasetError(f"{path} has no column {min(missing)}: restore a copy")
            names = [name for name in columns or there if not name.startswith(without)]
            names = [name for name in names if among is None or name in among]
            if twice := [name for name in names if names.count(name) > 1]:
                raise DatasetError(f"{path} has the column {twice[0]} twice: restore a copy")
            return _bounded(raw, file, dict.fromkeys(names), path)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing: restore it from a copy") from None
    except DAMAGE as error:
        raise DatasetError(f"{path} is damaged ({_line(error)}): restore a copy") from None


def _bounded(raw: Any, file: Any, names: Collection[str], path: Path) -> Any:
    """The columns of a parquet file; DatasetError before they take more memory than is sane."""
    values, largest = _extent(file.metadata, names)
    if values > MOST_VALUES:
        raise DatasetError(f"{path} says that it holds {values:,} values: restore a copy")
    _check_pages(path, raw, file.metadata, names)
    if not largest:
        return file.read(columns=list(names), use_threads=False)
    rows = min(MOST_ROWS, max(1, MOST_BYTES // 8 // largest))
    parts, size = [], 0
    for part in file.iter_batches(rows, columns=list(names), use_threads=False):
        parts.append(part)
        size += part.nbytes
        if size > MOST_BYTES:
            raise DatasetError(f"{path} holds more than {MOST_BYTES:,} bytes: restore a copy")
    return pa.Table.from_batches(parts) if parts else file.read(columns=list(names))


def first_value(path: Path, name: str) -> Any:
    """The first value of a column; None if there is none. DatasetError as of :func:`read_table`."""
    check_regular(path)
    try:
        with pa.OSFile(str(path)) as raw, pq.ParquetFile(raw) as file:
            _check_pages(path, raw, file.metadata, [name])
            part = next(file.iter_batches(1, columns=[name], use_threads=False), None)
            return part.column(name)[0].as_py() if part is not None and part.num_rows else None
    except DAMAGE as error:
        raise DatasetError(f"{path} is damaged ({_line(error)}): restore a copy") from None


def _extent(about: Any, names: Collection[str]) -> tuple[int, int]:
    """How many values columns have, and the bytes of the largest part that is no numbers."""
    groups = map(about.row_group, range(about.num_row_groups))
    values, largest = max([about.num_rows, *(group.num_rows for group in groups)]), 0
    for part in _parts(about, names):
        values += part.num_values
        if part.physical_type == "BYTE_ARRAY":
            largest = max(largest, part.total_uncompressed_size, 1)
    return values, largest


def _check_pages(path: Path, file: Any, about: Any, names: Collection[str]) -> None:
    """DatasetError if a page of these columns would take too much memory, whatever else is said."""
    for part in _parts(about, names):
        if (most := max(claimed(file, part), default=0)) > MOST_OF_PAGE:
            raise DatasetError(f"{path} has a page of {most:,} bytes: restore a copy")


def _parts(about: Any, names: Collection[str]) -> Iterator[Any]:
    """What is said of columns in each row group."""
    heads = tuple(f"{name}." for name in names)
    for group in map(about.row_group, range(about.num_row_groups)):
        for part in map(group.column, range(group.num_columns)):
            if part.path_in_schema in names or part.path_in_schema.startswith(heads):
                yield part


def _line(error: Exception) -> str:
    return shown(error)


def data_table(columns: Numbers, features: Mapping[str, Feature]) -> Any:
    """Columns (T, n) and (T,) as the format has them: lists, and for [1] single numbers."""
    arrays = {}
    for key, feature in features.items():
        if feature.dtype in IMAGES:
            continue
        values, kind = columns[key], pa.from_numpy_dtype(np.dtype(feature.dtype))
        flat = pa.array(values.reshape(-1), kind)
        if feature.shape == (1,):
            arrays[key] = flat
        else:
            arrays[key] = pa.FixedSizeListArray.from_arrays(flat, feature.shape[0])
    return pa.table(arrays)


@dataclass(frozen=True)
class Rows:
    """The rows of an episode, in order, and the file that they are from."""

    path: Path
    episode: int | None  # None for all that there is
    table: Any

    def wrong(self, frame: int, key: str, what: str) -> DatasetError:
        """The error to raise for a value that is not what it should be."""
        episode = "" if self.episode is None else f"episode {self.episode}, "
        return DatasetError(f"{self.path}: {episode}frame {frame}: {key} {what}: {REMEDY}")


def rows_of(path: Path, table: Any, episode: int, length: int) -> Rows:
    """The rows of one episode, put in order; DatasetError if one is missing or there twice."""
    owner, number = (_whole_numbers(path, table, key) for key in ("episode_index", "frame_index"))
    places = np.flatnonzero(owner == episode)
    if len(places) != length:
        raise DatasetError(
            f"{path} has {len(places)} frames of episode {episode}, which had {length}: restore a "
            "copy"
        )
    order = np.argsort(number[places], kind="stable")
    places, wanted = places[order], np.arange(length)
    if len(wrong := np.flatnonzero(number[places] != wanted)):
        frame = int(wrong[0])
        twice = frame > 0 and number[places[frame]] == frame - 1
        what = f"{frame - 1} twice" if twice else f"no {frame}"
        raise DatasetError(f"{path}: episode {episode} has the frame {what}: restore a copy")
    if length and np.array_equal(places, places[0] + wanted):
        return Rows(path, episode, table.slice(places[0], length))
    return Rows(path, episode, table.take(pa.array(places)))


def _whole_numbers(path: Path, table: Any, key: str) -> NDArray[np.int64]:
    if key not in table.column_names:
        raise DatasetError(f"{path} has no column {key}: restore a copy")
    values, kind = table.column(key), "is missing in a row"
    if not values.null_count:
        found, kind = np.asarray(values.to_numpy()), f"holds {values.type}"
        with np.errstate(invalid="ignore"):
            if found.dtype.kind in "iuf" and np.array_equal(found, found.astype(np.int64)):
                return found.astype(np.int64)
    raise DatasetError(f"{path}: {key} {kind}, but is to be a whole number: restore a copy")


def column(rows: Rows, key: str, feature: Feature) -> Any:
    """A column as an array (T, n), or (T,) if it is one number a frame by its nature.

    DatasetError if it is missing, a value is, or it is not what the feature declares.
    """
    if key not in rows.table.column_names:
        raise DatasetError(
            f"{rows.path} has no column {key}, which info.json declares: restore a copy of either"
        )
    found = _flattened(rows, key, feature)
    count, size = len(rows.table), feature.size
    kind = np.dtype(feature.dtype)
    if found.size != count * size or not _same(found, kind):
        raise DatasetError(
            f"{rows.path}: {key} holds {found.size / max(count, 1):g} x {found.dtype} a frame, but "
            f"info.json says {size} x {feature.dtype}"
        )
    found = found.astype(kind, copy=False)
    return found.reshape((count, *feature.shape) if is_vector(key) or size > 1 else (count,))


def _flattened(rows: Rows, key: str, feature: Feature) -> NDArray[Any]:
    """All numbers of a column in a row, none of them missing."""
    values, per_row = rows.table.column(key).combine_chunks(), 1
    for side in (*feature.shape, None):
        if isinstance(values, pa.ExtensionArray):
            values = values.storage
        if values.null_count:
            at = np.flatnonzero(np.asarray(values.is_null()))[0]
            raise rows.wrong(int(at) // per_row, key, "is missing")
        if not pa.types.is_nested(values.type):
            break
        if not isinstance(values, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
            raise DatasetError(f"{rows.path}: {key} holds {values.type}, not numbers")
        lengths = np.asarray(values.value_lengths())
        if side is not None and len(uneven := np.flatnonzero(lengths != lengths[:1])):
            at = int(uneven[0])
            raise rows.wrong(
                at // per_row, key, f"has {plural(int(lengths[at]), 'number')}, not {side}"
            )
        per_row *= max(1, int(lengths[0])) if len(lengths) else 1
        values = values.flatten()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    found = np.asarray(values.to_numpy(zero_copy_only=False))
    if found.dtype.kind not in "biuf":
        raise DatasetError(f"{rows.path}: {key} holds {values.type}, not numbers: restore a copy")
    return found


def _same(found: NDArray[Any], kind: np.dtype[Any]) -> bool:
    """Whether numbers are the same ones as this kind, but for the rounding of fractions."""
    if found.dtype == kind:
        return True
    with np.errstate(invalid="ignore", over="ignore"):
        as_kind = found.astype(kind)
        if found.dtype.kind == kind.kind == "f" and kind.itemsize > 2:  # float16 has 3 digits
            return bool(np.array_equal(np.isfinite(as_kind), np.isfinite(found)))
        back = as_kind.astype(found.dtype)
    return bool(np.array_equal(back, found, equal_nan=kind.kind == "f" and found.dtype.kind == "f"))


def columns_of(table: Any, info: Info, path: Path) -> Numbers:
    """All numbers of a dataset's table, by column; DatasetError if it has others."""
    return {
        key: column(Rows(path, None, table), key, feature)
        for key, feature in info.features.items()
        if feature.is_number
    }


def episode_row(
    facts: Mapping[str, Any], final: Mapping[str, Any], stats: Mapping[str, Stats]
) -> Any:
    """What is known of an episode, as a table of one row."""
    return pa.table(
        {
            **{key: [value] for key, value in facts.items()},
            **{
                key: values if isinstance(values, pa.Array) else _listed(values)
                for key, values in final.items()
            },
            **{
                f"stats/{key}/{name}": [values.tolist()]
                for key, found in stats.items()
                for name, values in found.items()
            },
        }
    )


def _listed(values: Any) -> Any:
    """One row with a list: not of a fixed size, as pandas would not keep that."""
    return pa.array([values.reshape(-1)], pa.list_(pa.from_numpy_dtype(values.dtype)))


def stats_of(row: Mapping[str, Any]) -> dict[str, Stats]:
    """The statistics by feature in what is known of an episode."""
    found: dict[str, Stats] = {}
    for name, values in row.items():
        if name.startswith("stats/"):
            _, key, kind = name.split("/")
            found.setdefault(key, {})[kind] = np.asarray(values)
    return found


def episode_files(root: Path) -> Iterator[Path]:
    """The files that say what is known of episodes, in order."""
    return iter(sorted((root / EPISODES).glob("*/*.parquet")))


def write_tasks(root: Path, tasks: Sequence[str]) -> None:
    """Replace ``meta/tasks.parquet``: a task's name is the table's index, for pandas."""
    table = pa.table({TASK_INDEX: pa.array(range(len(tasks)), pa.int64()), "task": list(tasks)})
    about = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            _pandas_column(TASK_INDEX, "int64", "int64"),
            _pandas_column("task", "unicode", "object"),
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    write_table(root / TASKS, table.replace_schema_metadata({"pandas": json.dumps(about)}))


def _pandas_column(name: str, kind: str, numpy_kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "field_name": name,
        "pandas_type": kind,
        "numpy_type": numpy_kind,
        "metadata": None,
    }


def read_tasks(root: Path) -> list[str]:
    """The tasks in order of their index; none if there is no such file."""
    if not (root / TASKS).exists():
        return []
    table = read_table(check_inside(root, root / TASKS))
    names = [name for name in table.column_names if name != TASK_INDEX]
    if len(names) == 1 and TASK_INDEX in table.column_names:
        places, tasks = (table.column(key).to_pylist() for key in (TASK_INDEX, names[0]))
        whole = all(isinstance(place, int) for place in places)
        if whole and all(isinstance(task, str) for task in tasks):
            return [task for _, task in sorted(zip(places, tasks, strict=True))]
    raise DatasetError(f"{root / TASKS} has no tasks with their index: restore a copy")
