"""Rows of named values in a ring: numbers in preallocated tensors, pictures in a store beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.pictures import MAP_SUFFIX, PictureStore

Value = Tensor | NDArray[np.generic] | float | bool
BLOCKS = "blocks"
GROUPS = ("state", "next_state")  # an observation's values are named <group>.<key>


class Ring:
    """The last ``capacity`` rows; the first one fixes names, shapes and types.

    Pictures of the observations' ``state_keys`` are kept once if they are the same object in
    several rows.
    """

    def __init__(self, capacity: int, state_keys: Sequence[str], device: torch.device) -> None:
        self.capacity, self.device = capacity, device
        self.size = 0
        self.next = 0  # where the next row goes
        self._keys = tuple(state_keys)
        self._rows: dict[str, Tensor] = {}  # name -> (capacity, ...); of a picture, its slot
        self._stores: dict[str, PictureStore] = {}  # state key -> its pictures

    def put(self, values: Mapping[str, Value], pad: int = 0) -> None:
        """Write a row, over the oldest one if the ring is full.

        Raises KeyError or ValueError if it is not like the first one, or if that one's pictures are
        too small to be moved by ``pad`` pixels.
        """
        tensors = {name: _as_row(name, value) for name, value in values.items()}
        if not self._rows:
            self._allocate(tensors, pad)
        self._check(tensors)
        self._write(tensors, values)
        self.next = (self.next + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def take(
        self,
        index: Tensor,
        shifts: tuple[int, torch.Generator | None] = (0, None),
        *,
        pinned: bool = False,
    ) -> dict[str, Tensor]:
        """The rows at ``index`` (B,).

        ``shifts`` say how far each uint8 picture is moved at random, at most [px], and by what.
        """
        found = {name: rows.index_select(0, index) for name, rows in self._rows.items()}
        for group in GROUPS:  # in an order of its own: each draws its shifts
            for key, store in self._stores.items():
                slots = found[f"{group}.{key}"]
                moved = _drawn(slots, *shifts) if store.dtype == torch.uint8 else None
                found[f"{group}.{key}"] = store.gather(slots.tolist(), moved, pinned=pinned)
        return found

    @property
    def bytes(self) -> int:
        """Memory that the rows and the pictures take."""
        rows = sum(rows.numel() * rows.element_size() for rows in self._rows.values())
        return rows + sum(store.bytes for store in self._stores.values())

    def state(self) -> dict[str, Tensor]:
        """The filled rows (``rows.*``), the pictures (``blocks.*``) and the position.

        Later rows do not change these tensors. A block of pictures that has not changed since the
        last call is the same object as then.
        """
        rows = {f"rows.{name}": rows[: self.size].clone() for name, rows in self._rows.items()}
        blocks = {
            f"{BLOCKS}.{key}.{number}": block
            for key, store in self._stores.items()
            for number, block in store.state().items()
        }
        return {**rows, **blocks, "next": torch.tensor(self.next)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave; ValueError if there are more rows than capacity."""
        rows = {k.removeprefix("rows."): v for k, v in state.items() if k.startswith("rows.")}
        size = len(rows["reward"]) if rows else 0
        if size > self.capacity:
            raise ValueError(f"{size} rows do not fit a capacity of {self.capacity}")
        self.size, self.next = size, int(state["next"])
        self._rows = {name: self._empty(row) for name, row in rows.items()}
        for name, tensor in rows.items():
            self._rows[name][:size] = tensor
        self._stores = {key: _restored(key, state, rows) for key in self._kept(state)}

    def _allocate(self, tensors: Mapping[str, Tensor], pad: int) -> None:
        self._stores = {
            key: PictureStore(tensors[f"state.{key}"])
            for key in self._keys
            if tensors[f"state.{key}"].ndim == 3
        }
        for key, store in self._stores.items():
            if store.dtype == torch.uint8 and pad >= min(store.shape[1:]):
                raise ValueError(f"image_pad {pad} is too much for {key}, {tuple(store.shape)}")
        slots = torch.zeros(1, dtype=torch.int64)
        self._rows = {
            name: self._empty(slots if self._store_of(name) else row.unsqueeze(0))
            for name, row in tensors.items()
        }

    def _store_of(self, name: str) -> PictureStore | None:
        group, _, key = name.partition(".")
        return self._stores.get(key) if group in GROUPS else None

    def _empty(self, rows: Tensor) -> Tensor:
        shape = (self.capacity, *rows.shape[1:])
        return torch.empty(shape, dtype=rows.dtype, device=self.device)

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        if tensors.keys() != self._rows.keys():
            raise KeyError(
                f"the transition has {sorted(tensors)}; the buffer stores {sorted(self._rows)}"
            )
        for name, row in tensors.items():
            store = self._store_of(name)
            dtype = store.dtype if store else self._rows[name].dtype
            shape = store.shape if store else self._rows[name].shape[1:]
            if row.shape != shape or row.dtype != dtype:
                raise ValueError(
                    f"{name} is {row.dtype} {tuple(row.shape)}; "
                    f"the buffer stores {dtype} {tuple(shape)}"
                )

    def _write(self, tensors: Mapping[str, Tensor], values: Mapping[str, object]) -> None:
        for name, row in tensors.items():
            store = self._store_of(name)
            if store is None:
                self._rows[name][self.next] = row
                continue
            # before the old one goes: it may be the same picture
            slot = store.put(row, values[name])
            if self.size == self.capacity:
                store.drop(int(self._rows[name][self.next]))
            self._rows[name][self.next] = slot

    def _kept(self, state: Mapping[str, Tensor]) -> list[str]:
        return [k for k in self._keys if any(n.startswith(f"{BLOCKS}.{k}.") for n in state)]


def _restored(key: str, state: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> PictureStore:
    prefix = f"{BLOCKS}.{key}."
    blocks = {n.removeprefix(prefix): b for n, b in state.items() if n.startswith(prefix)}
    store = PictureStore(next(iter(blocks.values()))[0].permute(2, 0, 1))
    slots = torch.cat([rows[f"{group}.{key}"] for group in GROUPS])
    store.load_state(blocks, slots.numpy())
    return store


def _drawn(slots: Tensor, pad: int, generator: torch.Generator | None) -> list[list[int]] | None:
    """How far each picture is moved (dy, dx) [px]."""
    if not pad:
        return None
    shape = (len(slots), 2)
    drawn = torch.randint(2 * pad + 1, shape, generator=generator, device=slots.device)
    shifts: list[list[int]] = (drawn - pad).tolist()
    return shifts


def _as_row(name: str, value: Value) -> Tensor:
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        value = value.copy()  # torch knows nothing of arrays that are only to be read
    row = torch.as_tensor(value)
    if row.dtype == torch.uint8:
        return row
    if row.ndim == 3 and not name.endswith(MAP_SUFFIX):
        raise ValueError(
            f"{name} is a picture of {row.dtype}, shape {tuple(row.shape)}: store pictures as "
            "uint8, a quarter of the memory; the encoder makes numbers of them"
        )
    return row.to(torch.float32)
