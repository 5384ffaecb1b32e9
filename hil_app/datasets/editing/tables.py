"""What is known of the episodes of a dataset, as tables of one row each, and how they change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hil_app.recording.dataset import Dataset
from hil_app.recording.format.inside import check_inside
from hil_app.recording.format.layout import EPISODES, DatasetError, Info
from hil_app.recording.format.tables import DAMAGE, episode_files, read_table, read_tasks
from hil_app.recording.mending.reindex import is_ours


class Tables:
    """The tables of a dataset, as they are on the disk. DatasetError if they are damaged."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.root = dataset, dataset.root
        self.info = Info.read(dataset.root)
        self.is_ours = is_ours(dataset.root, self.info)

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks in order."""
        return read_tasks(self.root)

    @cached_property
    def _known(self) -> Any:
        tables = [read_table(check_inside(self.root, path)) for path in episode_files(self.root)]
        return joined(tables, self.root)

    @cached_property
    def _places(self) -> dict[int, int]:
        numbers = self._known.column("episode_index").to_pylist()
        return {number: place for place, number in enumerate(numbers)}

    def known(self, episode: int) -> Any:
        """What is known of an episode: a table of one row."""
        return self._known.slice(self._places[episode], 1)


def joined(tables: list[Any], root: Path) -> Any:
    """Tables that may lack columns of each other, one below the other."""
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except DAMAGE as error:
        raise DatasetError(f"{root / EPISODES} does not fit together ({error})") from None


def with_values(row: Any, values: Mapping[str, Any]) -> Any:
    """A table of one row with other values in some columns, or more columns."""
    columns = dict(zip(row.column_names, row.columns, strict=True))
    for name, value in values.items():
        kind = columns[name].type if name in columns else None
        columns[name] = value if isinstance(value, pa.Array) else pa.array([value], kind)
    return pa.table(columns)


def with_column(rows: Any, name: str, values: Any) -> Any:
    """Rows with other numbers (T,) in a column that they have; its kind stays."""
    place = rows.column_names.index(name)
    kind = rows.schema.field(place).type
    flat = pa.array(np.ascontiguousarray(values))
    listed = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    if listed:  # other tools may list single numbers
        flat = pa.FixedSizeListArray.from_arrays(flat, 1)
    return rows.set_column(place, rows.schema.field(place), flat.cast(kind))
