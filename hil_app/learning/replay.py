"""A ring of transitions: numbers in preallocated tensors, pictures in a store beside them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.actor import GaussianActorPolicy
from hil_app.learning.batch import Batch
from hil_app.learning.pictures import MAP_SUFFIX, PictureStore
from hil_app.learning.prefetch import endless
from hil_app.learning.returns import NStepReturns
from hil_app.recording.frames import Frame

Row = Tensor | NDArray[np.generic] | float | bool
BLOCKS = "blocks"


class ReplayBuffer:
    """The last `capacity` transitions, each row with its own next state.

        buffer = ReplayBuffer(100_000, "cpu", state_keys=["observation.state"], seed=0)
        buffer.add(state, action, reward, next_state, done=False, truncated=False)
        batch = buffer.sample(256)

    The first `add` fixes keys, shapes and types: uint8 stays uint8, everything else is float32.
    Numbers live on `storage_device`, batches come on `device`. Pictures, uint8 (C, H, W), and
    feature maps (D, h, w) live in main memory; one that is the same object in several rows is kept
    once. With `use_drq` a sampled picture is moved at random by up to `image_pad` pixels.

    One thread may add while another samples.
    """

    def __init__(
        self,
        capacity: int,
        device: str | torch.device = "cpu",
        state_keys: Sequence[str] = (),
        *,
        storage_device: str | torch.device = "cpu",
        use_drq: bool = False,
        image_pad: int = 4,
        seed: int = 0,
    ) -> None:
        if capacity < 1 or not state_keys:
            raise ValueError(f"need capacity >= 1 and state keys, got {capacity}, {state_keys}")
        self.capacity = capacity
        self.state_keys = tuple(state_keys)
        self.device = torch.device(device)
        self.storage_device = torch.device(storage_device)
        self.generator = torch.Generator(self.storage_device).manual_seed(seed)
        self._pad = image_pad if use_drq else 0
        self._rows: dict[str, Tensor] = {}  # name -> (capacity, ...); of a picture, its slot
        self._stores: dict[str, PictureStore] = {}  # state key -> its pictures
        self._size = 0
        self._next = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._size

    @classmethod
    def from_frames(
        cls,
        frames: Iterable[Frame],
        policy: GaussianActorPolicy,
        capacity: int,
        *,
        n_steps: int = 1,
        discount: float = 1.0,
        **options: Any,
    ) -> Self:
        """A buffer of what `policy` can learn from recorded frames, in their order.

        Rows reach over up to `n_steps` ticks of an episode, with rewards discounted by `discount`.
        """
        buffer = cls(capacity, state_keys=policy.replay_keys, **options)
        returns = NStepReturns(n_steps, discount, policy.replay_state)
        for frame in frames:
            for row in returns.push(frame):
                buffer.add(**row.transition())
        return buffer

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
            ValueError: a shape or a type is not that of the first transition, or a picture is
                made of floats.
        """
        values: dict[str, Row] = {
            **self._select("state", state),
            **self._select("next_state", next_state),
            **{f"complementary_info.{k}": v for k, v in (complementary_info or {}).items()},
            "action": action,
            "reward": reward,
            "done": done,
            "truncated": truncated,
        }
        tensors = {name: _as_row(name, value) for name, value in values.items()}
        with self._lock:
            if not self._rows:
                self._allocate(tensors)
            self._check(tensors)
            self._write(tensors, values)
            self._next = (self._next + 1) % self.capacity
            self._size = min(self._size + 1, self.capacity)

    def sample(self, batch_size: int) -> Batch:
        """Draw batch_size rows uniformly, with replacement. ValueError if the buffer is empty."""
        with self._lock:
            if not self._size:
                raise ValueError("the replay buffer is empty: add transitions before sampling")
            index = torch.randint(
                self._size, (batch_size,), generator=self.generator, device=self.storage_device
            )
            found = {name: rows.index_select(0, index) for name, rows in self._rows.items()}
            for group in ("state", "next_state"):  # in an order of its own: each draws its shifts
                for key, store in self._stores.items():
                    name = f"{group}.{key}"
                    found[name] = self._gather(store, found[name])
        rows = {name: self._carried(value) for name, value in found.items()}
        return {
            "state": _group("state", rows),
            "action": rows["action"],
            "reward": rows["reward"],
            "next_state": _group("next_state", rows),
            "done": rows["done"],
            "truncated": rows["truncated"],
            "complementary_info": _group("complementary_info", rows),
        }

    def get_iterator(
        self, batch_size: int, *, async_prefetch: bool = False, queue_size: int = 2
    ) -> Iterator[Batch]:
        """Endless batches; an error does not end the iterator. See `prefetch.endless`."""
        return endless(self.sample, batch_size, async_prefetch, queue_size)

    @property
    def bytes(self) -> int:
        """Memory that the rows and the pictures take."""
        rows = sum(rows.numel() * rows.element_size() for rows in self._rows.values())
        return rows + sum(store.bytes for store in self._stores.values())

    def state_dict(self) -> dict[str, Tensor]:
        """The filled rows (`rows.*`), the pictures (`blocks.*`), the position, the generator.

        Later transitions do not change these tensors. A block of pictures that has not changed
        since the last call is the same object as then.
        """
        with self._lock:
            rows = {f"rows.{name}": rows[: self._size].clone() for name, rows in self._rows.items()}
            blocks = {
                f"{BLOCKS}.{key}.{number}": block
                for key, store in self._stores.items()
                for number, block in store.state().items()
            }
            rest = {"next": torch.tensor(self._next), "rng": self.generator.get_state()}
            return {**rows, **blocks, **rest}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            ValueError: there are more rows than this buffer's capacity.
        """
        rows = {k.removeprefix("rows."): v for k, v in state.items() if k.startswith("rows.")}
        size = len(rows["reward"]) if rows else 0
        if size > self.capacity:
            raise ValueError(f"{size} rows do not fit a capacity of {self.capacity}")
        self._size, self._next = size, int(state["next"])
        self._rows = {name: self._empty(row) for name, row in rows.items()}
        for name, tensor in rows.items():
            self._rows[name][:size] = tensor
        self._stores = {key: self._restored(key, state, rows) for key in self._kept(state)}
        self.generator.set_state(state["rng"])

    def _select(self, group: str, state: Mapping[str, Row]) -> dict[str, Row]:
        missing = [key for key in self.state_keys if key not in state]
        if missing:
            raise KeyError(f"{group} lacks {missing}; it has {sorted(state)}")
        return {f"{group}.{key}": state[key] for key in self.state_keys}

    def _allocate(self, tensors: Mapping[str, Tensor]) -> None:
        self._stores = {
            key: PictureStore(tensors[f"state.{key}"])
            for key in self.state_keys
            if tensors[f"state.{key}"].ndim == 3
        }
        for key, store in self._stores.items():
            if store.dtype == torch.uint8 and self._pad >= min(store.shape[1:]):
                raise ValueError(
                    f"image_pad {self._pad} is too much for {key}, {tuple(store.shape)}"
                )
        slots = torch.zeros(1, dtype=torch.int64)
        self._rows = {
            name: self._empty(slots if self._store_of(name) else row.unsqueeze(0))
            for name, row in tensors.items()
        }

    def _store_of(self, name: str) -> PictureStore | None:
        group, _, key = name.partition(".")
        return self._stores.get(key) if group in ("state", "next_state") else None

    def _empty(self, rows: Tensor) -> Tensor:
        shape = (self.capacity, *rows.shape[1:])
        return torch.empty(shape, dtype=rows.dtype, device=self.storage_device)

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
                self._rows[name][self._next] = row
                continue
            slot = store.put(
                row, values[name]
            )  # before the old one goes: it may be the same picture
            if self._size == self.capacity:
                store.drop(int(self._rows[name][self._next]))
            self._rows[name][self._next] = slot

    def _gather(self, store: PictureStore, slots: Tensor) -> Tensor:
        shifts = None
        if self._pad and store.dtype == torch.uint8:
            span, shape = 2 * self._pad + 1, (len(slots), 2)
            draw = torch.randint(span, shape, generator=self.generator, device=slots.device)
            shifts = (draw - self._pad).tolist()
        return store.gather(slots.tolist(), shifts, pinned=self._onto_gpu)

    @property
    def _onto_gpu(self) -> bool:
        return self.device.type == "cuda"

    def _carried(self, value: Tensor) -> Tensor:
        """On the device of the batches; nobody waits for the way to a GPU (which has no test)."""
        if self._onto_gpu and value.device.type == "cpu" and not value.is_pinned():
            value = value.pin_memory()
        return value.to(self.device, non_blocking=True)

    def _kept(self, state: Mapping[str, Tensor]) -> list[str]:
        return [k for k in self.state_keys if any(n.startswith(f"{BLOCKS}.{k}.") for n in state)]

    def _restored(
        self, key: str, state: Mapping[str, Tensor], rows: Mapping[str, Tensor]
    ) -> PictureStore:
        prefix = f"{BLOCKS}.{key}."
        blocks = {n.removeprefix(prefix): b for n, b in state.items() if n.startswith(prefix)}
        store = PictureStore(next(iter(blocks.values()))[0].permute(2, 0, 1))
        store.load_state(
            blocks, torch.cat((rows[f"state.{key}"], rows[f"next_state.{key}"])).numpy()
        )
        return store


def _as_row(name: str, value: Row) -> Tensor:
    row = torch.as_tensor(value)
    if row.dtype == torch.uint8:
        return row
    if row.ndim == 3 and not name.endswith(MAP_SUFFIX):
        raise ValueError(
            f"{name} is a picture of {row.dtype}, shape {tuple(row.shape)}: store pictures as "
            "uint8, a quarter of the memory; the encoder makes numbers of them"
        )
    return row.to(torch.float32)


def _group(name: str, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in rows.items() if k.startswith(prefix)}
