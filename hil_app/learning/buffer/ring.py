"""Rows of named values in a ring: numbers in preallocated tensors, images in a store beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.buffer.augmentation import Augmentation
from hil_app.learning.buffer.images import ImageStore
from hil_app.learning.buffer.values import GROUPS

BLOCKS = "blocks"
AS_STORED = Augmentation()


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of one name; of images, their slots in ``store``."""

    rows: Tensor  # (capacity, ...)
    cells: NDArray[Any] | None  # the same memory, if it is the host's, written to in less time
    store: ImageStore | None
    shape: tuple[int, ...]  # of a value
    dtype: np.dtype[Any]

    def put(self, place: int, value: NDArray[Any], *, full: bool) -> None:
        """Write a value; the ring is ``full`` if over another."""
        cell: NDArray[Any] | int = value
        if self.store is not None:
            # before the old one goes: it may be the same image
            cell = self.store.put(_tensor(value))
            if full:
                self.store.drop(int(self.rows[place]))
        if self.cells is not None:
            self.cells[place] = cell
        else:
            self.rows[place] = torch.as_tensor(cell)


class Ring:
    """The last ``capacity`` rows; the first one fixes names, shapes and types.

    Images of the observations' ``state_keys`` are kept once however many rows show them.
    """

    def __init__(self, capacity: int, state_keys: Sequence[str], device: torch.device) -> None:
        self.capacity, self.device = capacity, device
        self.size = 0
        self.next = 0  # where the next row goes
        self._keys = tuple(state_keys)
        self._columns: dict[str, _Column] = {}
        self._stores: dict[str, ImageStore] = {}  # state key -> its images

    def put(self, row: Mapping[str, NDArray[Any]], augmentation: Augmentation = AS_STORED) -> None:
        """Write a row of float32, and images of uint8, over the oldest one if the ring is full.

        Raises KeyError or ValueError if it is not like the first one, or if that one's images are
        too small to be moved so far.
        """
        if not self._columns:
            self._allocate({name: _tensor(value) for name, value in row.items()}, augmentation)
        self._check(row)
        full = self.size == self.capacity
        for name, value in row.items():
            self._columns[name].put(self.next, value, full=full)
        self.next = (self.next + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def take(
        self,
        index: Tensor,
        augmentation: Augmentation = AS_STORED,
        generator: torch.Generator | None = None,
        *,
        pinned: bool = False,
    ) -> dict[str, Tensor]:
        """The rows at ``index`` (B,).

        uint8 images are augmented, by what the ``generator`` draws.
        """
        columns = self._columns.items()
        found = {name: column.rows.index_select(0, index) for name, column in columns}
        for group in GROUPS:  # in an order of its own: each draws for its images
            for key, store in self._stores.items():
                slots: list[int] = found[f"{group}.{key}"].tolist()
                if store.dtype != torch.uint8:
                    found[f"{group}.{key}"] = store.gather(slots, None, pinned=pinned)
                    continue
                shifts = augmentation.shifts(key, len(slots), generator)
                images = found[f"{group}.{key}"] = store.gather(slots, shifts, pinned=pinned)
                augmentation.relight(images, generator)
        return found

    @property
    def bytes(self) -> int:
        """Memory that the rows and the images take."""
        rows = sum(c.rows.numel() * c.rows.element_size() for c in self._columns.values())
        return rows + sum(store.bytes for store in self._stores.values())

    def state(self) -> dict[str, Tensor]:
        """The filled rows (``rows.*``), the images (``blocks.*``) and the position.

        Later rows do not change these tensors. A block of images that has not changed since the
        last call is the same object as then.
        """
        columns = self._columns.items()
        rows = {f"rows.{name}": column.rows[: self.size].clone() for name, column in columns}
        blocks = {
            f"{BLOCKS}.{key}.{number}": block
            for key, store in self._stores.items()
            for number, block in store.state().items()
        }
        return {**rows, **blocks, "next": torch.tensor(self.next)}

    def load_state(self, state: Mapping[str, Tensor]) -> int:
        """Go on from what :meth:`state` gave; returns by how many places the rows were turned.

        A larger ring begins with the oldest row, so that it has none amid what is yet to come.

        Raises ValueError if there are more rows than capacity, or rows that are not whole.
        """
        rows = {k.removeprefix("rows."): v for k, v in state.items() if k.startswith("rows.")}
        size, place = self._checked(rows, int(state["next"]))
        full = size == self.capacity
        self.size, self.next = size, place if full else size
        turn = 0 if full else place
        self._stores = {key: _restored(key, state, rows) for key in self._kept(state)}
        self._columns = {name: self._column(name, tensor[:0]) for name, tensor in rows.items()}
        for name, tensor in rows.items():
            self._columns[name].rows[:size] = tensor.roll(-turn, 0)
        return turn

    def _checked(self, rows: Mapping[str, Tensor], place: int) -> tuple[int, int]:
        """How many rows there are, and where the next one goes among them."""
        sizes = {name: len(tensor) for name, tensor in rows.items()}
        size = max(sizes.values(), default=0)
        if size > self.capacity:
            raise ValueError(f"{size} rows do not fit a capacity of {self.capacity}")
        known = {f"{group}.{key}" for group in GROUPS for key in self._keys}
        found = {name for name in rows if name.partition(".")[0] in GROUPS}
        if rows and (known != found or len(set(sizes.values())) > 1):
            raise ValueError(f"need whole rows of {sorted(known)}, got {sizes}")
        if not 0 <= place <= size:
            raise ValueError(f"the next of {size} rows cannot be at {place}")
        return size, place % self.capacity

    def _allocate(self, row: Mapping[str, Tensor], augmentation: Augmentation) -> None:
        for key in self._keys:
            first, then = row[f"state.{key}"], row[f"next_state.{key}"]
            if first.shape != then.shape or first.dtype != then.dtype:
                raise ValueError(
                    f"state.{key} is {_kind(first)}, but next_state.{key} is {_kind(then)}"
                )
        self._stores = {
            key: ImageStore(row[f"state.{key}"])
            for key in self._keys
            if row[f"state.{key}"].ndim == 3
        }
        for key, store in self._stores.items():
            pad = augmentation.pad_of(key)
            if store.dtype == torch.uint8 and pad >= min(store.shape[1:]):
                raise ValueError(f"image_pad {pad} is too much for {key}, {tuple(store.shape)}")
        self._columns = {name: self._column(name, value[None]) for name, value in row.items()}

    def _column(self, name: str, like: Tensor) -> _Column:
        """An empty column of values, or of slots, like these (n, ...)."""
        group, _, key = name.partition(".")
        store = self._stores.get(key) if group in GROUPS else None
        shape, dtype = (like.shape[1:], like.dtype) if store is None else (store.shape, store.dtype)
        sides, kind = (like.shape[1:], like.dtype) if store is None else ((), torch.int64)
        rows = torch.empty((self.capacity, *sides), dtype=kind, device=self.device)
        cells = rows.numpy() if rows.is_cpu else None
        return _Column(rows, cells, store, tuple(shape), torch.empty(0, dtype=dtype).numpy().dtype)

    def _check(self, row: Mapping[str, NDArray[Any]]) -> None:
        if row.keys() != self._columns.keys():
            raise KeyError(
                f"the transition has {sorted(row)}; the buffer stores {sorted(self._columns)}"
            )
        for name, value in row.items():
            column = self._columns[name]
            if value.shape != column.shape or value.dtype != column.dtype:
                raise ValueError(
                    f"{name} is {value.dtype} {value.shape}; "
                    f"the buffer stores {column.dtype} {column.shape}"
                )

    def _kept(self, state: Mapping[str, Tensor]) -> list[str]:
        return [k for k in self._keys if any(n.startswith(f"{BLOCKS}.{k}.") for n in state)]


def _restored(key: str, state: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> ImageStore:
    prefix = f"{BLOCKS}.{key}."
    blocks = {n.removeprefix(prefix): b for n, b in state.items() if n.startswith(prefix)}
    store = ImageStore(next(iter(blocks.values()))[0].permute(2, 0, 1))
    slots = torch.cat([rows[f"{group}.{key}"] for group in GROUPS])
    store.load_state(blocks, slots.numpy())
    return store


def _tensor(value: NDArray[Any]) -> Tensor:
    """``value`` as a tensor; torch takes no array that is only to be read."""
    return torch.from_numpy(value if value.flags.writeable else value.copy())


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
