"""The parquet files of a dataset: numbers, episodes, tasks."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hil_app.files import make_folder, write_whole
from hil_app.recording.layout import EPISODES, PICTURES, TASKS, DatasetError, Feature, Info
from hil_app.recording.rows import Numbers, is_vector
from hil_app.recording.stats import Stats

TASK_INDEX = "task_index"
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)


def write_table(path: Path, table: Any) -> None:
    """Write a table whole; OSError if the disk refuses."""
    sink = io.BytesIO()
    pq.write_table(
        table, sink, use_dictionary=False, write_statistics=False, write_page_checksum=True
    )
    make_folder(path.parent)
    write_whole(path, sink.getvalue())


def read_table(path: Path, columns: Collection[str] | None = None, without: str = "/") -> Any:
    """A table, or some columns of it; none whose name begins with ``without``.

    DatasetError if the file is missing or damaged, or lacks one of ``columns``.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            there = file.schema_arrow.names
            if missing := set(columns or ()) - set(there):
                raise DatasetError(f"{path} has no column {min(missing)}: restore a copy")
            names = [name for name in columns or there if not name.startswith(without)]
            return file.read(columns=names, use_threads=False)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing: restore it from a copy") from None
    except DAMAGE as error:
        raise DatasetError(f"{path} is damaged ({_line(error)}): restore a copy") from None


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def data_table(columns: Numbers, features: Mapping[str, Feature]) -> Any:
    """Columns (T, n) and (T,) as the format has them: lists, and for [1] single numbers."""
    arrays = {}
    for key, feature in features.items():
        if feature.dtype in PICTURES:
            continue
        values, kind = columns[key], pa.from_numpy_dtype(np.dtype(feature.dtype))
        flat = pa.array(values.reshape(-1), kind)
        if feature.shape == (1,):
            arrays[key] = flat
        else:
            arrays[key] = pa.FixedSizeListArray.from_arrays(flat, feature.shape[0])
    return pa.table(arrays)


def column(table: Any, key: str, feature: Feature, path: Path) -> Any:
    """A column as an array (T, n), or (T,) if it is one number a frame by its nature."""
    try:
        values = table.column(key).combine_chunks()
    except KeyError:
        raise DatasetError(
            f"{path} has no column {key}, which info.json declares: restore a copy of either"
        ) from None
    rows = len(values)
    while pa.types.is_nested(values.type):
        values = values.flatten()
    found = np.asarray(values.to_numpy(zero_copy_only=False))
    size = int(np.prod(feature.shape))
    if found.size != rows * size or found.dtype != np.dtype(feature.dtype):
        raise DatasetError(
            f"{path}: {key} holds {found.size / max(rows, 1):g} x {found.dtype} a frame, but "
            f"info.json says {size} x {feature.dtype}"
        )
    return found.reshape((rows, *feature.shape) if is_vector(key) or size > 1 else (rows,))


def columns_of(table: Any, info: Info, path: Path) -> Numbers:
    """All numbers of a dataset's table, by column; DatasetError if it has others."""
    return {
        key: column(table, key, feature, path)
        for key, feature in info.features.items()
        if feature.dtype not in (*PICTURES, "string")
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
    table = read_table(root / TASKS)
    names = [name for name in table.column_names if name != TASK_INDEX]
    if len(names) != 1 or TASK_INDEX not in table.column_names:
        raise DatasetError(f"{root / TASKS} has no tasks with their index: restore a copy")
    pairs = zip(*(table.column(key).to_pylist() for key in (TASK_INDEX, names[0])), strict=True)
    return [task for _, task in sorted(pairs)]
