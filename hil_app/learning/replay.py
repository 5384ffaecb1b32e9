"""A ring of transitions in preallocated tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.batch import Batch

Row = Tensor | NDArray[np.generic] | float | bool


class ReplayBuffer:
    """The last `capacity` transitions, each row with its own next state.

        buffer = ReplayBuffer(100_000, "cpu", state_keys=["observation.state"], seed=0)
        buffer.add(state, action, reward, next_state, done=False, truncated=False)
        batch = buffer.sample(256)

    The first `add` fixes keys, shapes and types: uint8 stays uint8, everything else is float32.
    Rows live on `storage_device`, batches come on `device`. Not thread-safe: one thread adds and
    samples.
    """

    def __init__(
        self,
        capacity: int,
        device: str | torch.device = "cpu",
        state_keys: Sequence[str] = (),
        *,
        storage_device: str | torch.device = "cpu",
        seed: int = 0,
    ) -> None:
        if capacity < 1 or not state_keys:
            raise ValueError(f"need capacity >= 1 and state keys, got {capacity}, {state_keys}")
        self.capacity = capacity
        self.state_keys = tuple(state_keys)
        self.device = torch.device(device)
        self.storage_device = torch.device(storage_device)
        self.generator = torch.Generator(self.storage_device).manual_seed(seed)
        self._rows: dict[str, Tensor] = {}  # name -> (capacity, ...)
        self._size = 0
        self._next = 0

    def __len__(self) -> int:
        return self._size

    def add(
        self,
        state: Mapping[str, Row],
        action: Row,
        reward: float,
        next_state: Mapping[str, Row],
        done: bool,
        truncated: bool,
        complementary_info: Mapping[str, Row] | None = None,
    ) -> None:
        """Append one transition, over the oldest one if the ring is full.

        Raises:
            KeyError: a state key is missing, or the keys are not those of the first transition.
            ValueError: a shape is not that of the first transition.
        """
        rows: dict[str, Row] = {
            **self._select("state", state),
            **self._select("next_state", next_state),
            **{f"complementary_info.{k}": v for k, v in (complementary_info or {}).items()},
            "action": action,
            "reward": reward,
            "done": done,
            "truncated": truncated,
        }
        tensors = {name: _as_row(value) for name, value in rows.items()}
        if not self._rows:
            self._rows = {name: self._allocate(row) for name, row in tensors.items()}
        self._check(tensors)
        for name, row in tensors.items():
            self._rows[name][self._next] = row
        self._next = (self._next + 1) % self.capacity
        self._size = min(self._size + 1, self.capacity)

    def sample(self, batch_size: int) -> Batch:
        """Draw batch_size rows uniformly, with replacement. ValueError if the buffer is empty."""
        if not self._size:
            raise ValueError("the replay buffer is empty: add transitions before sampling")
        index = torch.randint(
            self._size, (batch_size,), generator=self.generator, device=self.storage_device
        )
        rows = {
            name: tensor.index_select(0, index).to(self.device, non_blocking=True)
            for name, tensor in self._rows.items()
        }
        return {
            "state": _group("state", rows),
            "action": rows["action"],
            "reward": rows["reward"],
            "next_state": _group("next_state", rows),
            "done": rows["done"],
            "truncated": rows["truncated"],
            "complementary_info": _group("complementary_info", rows),
        }

    def get_iterator(self, batch_size: int) -> Iterator[Batch]:
        """Endless batches, each drawn when asked for; an error does not end the iterator."""
        return map(self.sample, repeat(batch_size))

    def state_dict(self) -> dict[str, Tensor]:
        """Views of the filled rows (`rows.*`), the write position and the generator's state."""
        rows = {f"rows.{name}": tensor[: self._size] for name, tensor in self._rows.items()}
        return {**rows, "next": torch.tensor(self._next), "rng": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            ValueError: there are more rows than this buffer's capacity.
        """
        rows = {k.removeprefix("rows."): v for k, v in state.items() if k.startswith("rows.")}
        self._size = len(rows["reward"]) if rows else 0
        self._next = int(state["next"])
        if self._size > self.capacity:
            raise ValueError(f"{self._size} rows do not fit a capacity of {self.capacity}")
        self._rows = {name: self._allocate(tensor[0]) for name, tensor in rows.items()}
        for name, tensor in rows.items():
            self._rows[name][: self._size] = tensor
        self.generator.set_state(state["rng"])

    def _select(self, group: str, state: Mapping[str, Row]) -> dict[str, Row]:
        missing = [key for key in self.state_keys if key not in state]
        if missing:
            raise KeyError(f"{group} lacks {missing}; it has {sorted(state)}")
        return {f"{group}.{key}": state[key] for key in self.state_keys}

    def _allocate(self, row: Tensor) -> Tensor:
        return torch.empty((self.capacity, *row.shape), dtype=row.dtype, device=self.storage_device)

    def _check(self, rows: Mapping[str, Tensor]) -> None:
        if rows.keys() != self._rows.keys():
            raise KeyError(
                f"the transition has {sorted(rows)}; the buffer stores {sorted(self._rows)}"
            )
        for name, row in rows.items():
            stored = self._rows[name]
            if row.shape != stored.shape[1:] or row.dtype != stored.dtype:
                raise ValueError(
                    f"{name} is {row.dtype} {tuple(row.shape)}; "
                    f"the buffer stores {stored.dtype} {tuple(stored.shape[1:])}"
                )


def _as_row(value: Row) -> Tensor:
    row = torch.as_tensor(value)
    return row if row.dtype == torch.uint8 else row.to(torch.float32)


def _group(name: str, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in rows.items() if k.startswith(prefix)}
