"""A ring of transitions to learn from."""

from __future__ import annotations

import operator
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from configs.learning.photometric import PhotometricConfig
from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.buffer.augmentation import Augmentation
from hil_app.learning.buffer.batch import Batch
from hil_app.learning.buffer.draws import RowSampler
from hil_app.learning.buffer.prefetch import endless
from hil_app.learning.buffer.returns import NStepReturns
from hil_app.learning.buffer.ring import Ring
from hil_app.learning.buffer.values import Value, flag, number, stored, usable
from hil_app.learning.experience import Experience
from hil_app.learning.networks.actor import GaussianActorPolicy

_NUMBERS = {IS_INTERVENTION: flag, DISCOUNT: number, DISCRETE_PENALTY: number}  # one for each row


class ReplayBuffer:
    """The last `capacity` transitions, each row with its own next state.

        buffer = ReplayBuffer(100_000, "cpu", state_keys=["observation.state"], seed=0)
        buffer.add(state, action, reward, next_state, done=False, truncated=False)
        batch = buffer.sample(256)

    The first `add` fixes keys and shapes: images stay uint8, everything else becomes float32.
    Numbers live on `storage_device`, batches come on `device`. Images, uint8 (C, H, W), and
    feature maps (D, h, w) live in main memory; one that several rows show is kept once. Everything
    is copied, so arrays may be used again after `add`. With `use_drq` a sampled image is moved at
    random by up to `image_pad` pixels, which may differ by key, and with `photometric` it is lit
    and coloured at random: see `Augmentation`.

    `seed` fixes what is drawn; without one, `torch.manual_seed` does.

    One thread may add while another samples. A copy, or what another process gets of it, goes on
    alone, from the same rows and the same seed.
    """

    def __init__(
        self,
        capacity: int,
        device: str | torch.device = "cpu",
        state_keys: Sequence[str] = (),
        *,
        storage_device: str | torch.device = "cpu",
        use_drq: bool = False,
        image_pad: int | Mapping[str, int] = 4,
        photometric: PhotometricConfig | None = None,
        seed: int | None = None,
    ) -> None:
        if capacity < 1 or not state_keys or isinstance(state_keys, str):
            raise ValueError(
                f"need capacity >= 1 and a list of state keys, got {capacity} and {state_keys!r}"
            )
        pads = [image_pad] if isinstance(image_pad, int) else image_pad.values()
        if any(pad < 0 for pad in pads):
            raise ValueError(f"image_pad {image_pad} is negative")
        self.capacity = operator.index(capacity)
        self.state_keys = tuple(state_keys)
        self.device = usable(device)
        self.storage_device = usable(storage_device)
        self._draws = RowSampler(capacity, self.storage_device, seed)
        self.augmentation = Augmentation(image_pad if use_drq else 0, photometric)
        self._ring = Ring(capacity, self.state_keys, self.storage_device)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._ring.size

    def __getstate__(self) -> dict[str, Any]:
        # arrays, which go to other processes by value
        rows = {name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()}
        return {**vars(self), "_lock": None, "_ring": None, "_draws": None, "rows": rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        rows = {name: torch.from_numpy(array) for name, array in state.pop("rows").items()}
        vars(self).update(state)
        self._draws = RowSampler(self.capacity, self.storage_device, 0)
        self._ring = Ring(self.capacity, self.state_keys, self.storage_device)
        self._lock = threading.Lock()
        self.load_state_dict(rows)

    @classmethod
    def from_frames(
        cls,
        frames: Iterable[Experience],
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
        state: Mapping[str, Value],
        action: Value,
        reward: float,
        next_state: Mapping[str, Value],
        done: bool,
        truncated: bool,
        complementary_info: Mapping[str, Value] | None = None,
        weight: float = 1.0,
    ) -> None:
        """Append one transition, over the oldest one if the ring is full.

        A row of weight 2 is drawn twice as often as one of weight 1.

        Raises:
            KeyError: a state key is missing, or the keys are not those of the first transition.
            ValueError: a shape or a type is not that of the first transition, or no image's or
                number's, or the weight is not positive.
        """
        info = (complementary_info or {}).items()
        row = {
            **self._select("state", state),
            **self._select("next_state", next_state),
            **{f"complementary_info.{k}": _NUMBERS.get(k, stored)(k, v) for k, v in info},
            "action": stored("action", action),
            "reward": number("reward", reward),
            "done": flag("done", done),
            "truncated": flag("truncated", truncated),
        }
        if not 0 < weight < float("inf"):
            raise ValueError(f"a row's weight is positive, got {weight}")
        with self._lock:
            place = self._ring.next
            self._ring.put(row, self.augmentation)
            self._draws.weigh(place, weight)

    def sample(self, batch_size: int) -> Batch:
        """Draw batch_size rows by their weights, with replacement. ValueError without any."""
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size} is not positive")
        with self._lock:
            if not self._ring.size:
                raise ValueError("the replay buffer is empty: add transitions before sampling")
            index = self._draws.draw(self._ring.size, batch_size)
            found = self._ring.take(
                index, self.augmentation, self._draws.generator, pinned=self._onto_gpu
            )
        return _batch({name: self._carried(value) for name, value in found.items()})

    def at(self, places: Sequence[int]) -> Batch:
        """The rows at these places, of which 0 is the oldest; images are not moved.

        Raises IndexError if there is no such row, or no row at all is asked for.
        """
        with self._lock:
            ring = self._ring
            if not places or not -ring.size <= min(places) <= max(places) < ring.size:
                raise IndexError(f"there are {ring.size} rows, from 0, got {list(places)}")
            first = ring.next - ring.size
            index = torch.tensor([(first + place) % ring.size for place in places])
            return _batch(ring.take(index.to(ring.device)))

    def get_iterator(
        self, batch_size: int, *, async_prefetch: bool = False, queue_size: int = 2
    ) -> Iterator[Batch]:
        """Endless batches; an error does not end the iterator. See `prefetch.endless`."""
        return endless(self.sample, batch_size, async_prefetch, queue_size)

    @property
    def bytes(self) -> int:
        """Memory that the rows and the images take."""
        return self._ring.bytes

    def state_dict(self) -> dict[str, Tensor]:
        """The filled rows (`rows.*`), the images (`blocks.*`), the position, the generator.

        Later transitions do not change these tensors. A block of images that has not changed
        since the last call is the same object as then.
        """
        with self._lock:
            return {**self._ring.state(), **self._draws.state(self._ring.size)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue exactly where `state_dict` was taken; in a larger buffer, by appending.

        Raises:
            ValueError: there are more rows than this buffer's capacity, rows of other state keys,
                or rows that are not whole.
        """
        with self._lock:
            turned = self._ring.load_state(state)
            self._draws.load_state(state, turned)

    def _select(self, group: str, state: Mapping[str, Value]) -> dict[str, NDArray[Any]]:
        missing = [key for key in self.state_keys if key not in state]
        if missing:
            raise KeyError(f"{group} lacks {missing}; it has {sorted(state)}")
        return {(name := f"{group}.{key}"): stored(name, state[key]) for key in self.state_keys}

    @property
    def _onto_gpu(self) -> bool:
        return self.device.type == "cuda"

    def _carried(self, value: Tensor) -> Tensor:
        """On the device of the batches; nobody waits for the way to a GPU (which has no test)."""
        if self._onto_gpu and value.device.type == "cpu" and not value.is_pinned():
            value = value.pin_memory()
        return value.to(self.device, non_blocking=True)


def _batch(rows: Mapping[str, Tensor]) -> Batch:
    return {
        "state": _group("state", rows),
        "action": rows["action"],
        "reward": rows["reward"],
        "next_state": _group("next_state", rows),
        "done": rows["done"],
        "truncated": rows["truncated"],
        "complementary_info": _group("complementary_info", rows),
    }


def _group(name: str, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in rows.items() if k.startswith(prefix)}
