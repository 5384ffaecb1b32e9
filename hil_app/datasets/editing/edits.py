"""An edit of a dataset as data: a few operations, which JSON can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from configs.text.reading import shown
from hil_app.recording.format.episodes import LONGEST
from hil_app.recording.format.inside import DatasetError
from hil_app.recording.format.layout import MOST_FILES

MOST = 10_000  # operations of an edit


class _OfEpisode(BaseModel):
    """What is to become of an episode, by its number before the edit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    episode: int = Field(ge=0, le=MOST_FILES)


class Delete(_OfEpisode):
    """It is left out."""

    do: Literal["delete"] = "delete"


class Restore(_OfEpisode):
    """What an earlier edit in place left out comes back, behind all others.

    ``edit`` counts from 1, and ``episode`` is its number before that edit.
    """

    do: Literal["restore"] = "restore"
    edit: int = Field(ge=1, le=MOST_FILES)


class Mark(_OfEpisode):
    """The last frame that is kept says that it succeeded, or failed, as an operator would."""

    do: Literal["mark"] = "mark"
    success: bool


class Trim(_OfEpisode):
    """Only the frames from ``first`` to ``last``, counted from 0, are kept."""

    do: Literal["trim"] = "trim"
    first: int = Field(ge=0, le=LONGEST)
    last: int = Field(ge=0, le=LONGEST)


Operation = Annotated[Delete | Restore | Mark | Trim, Field(discriminator="do")]
Edit = tuple[Operation, ...]
_EDIT = TypeAdapter(Edit)


def parse_edit(content: bytes | str) -> Edit:
    """An edit from JSON, a list of operations; DatasetError has the first thing that is wrong."""
    try:
        found = _EDIT.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise DatasetError(f"this is no edit: {place}: {shown(first['msg'], 200)}") from None
    if len(found) > MOST:
        raise DatasetError(f"an edit has at most {MOST:,} operations, not {len(found):,}")
    return found


def edit_as_json(edit: Edit) -> str:
    """The same as JSON."""
    return _EDIT.dump_json(edit).decode()


def described(edit: Sequence[Operation]) -> list[str]:
    """What an edit does, in words, an operation each."""
    return [_described(operation) for operation in edit]


def _described(operation: Operation) -> str:
    what = f"episode {operation.episode}"
    if isinstance(operation, Restore):
        return f"restore {what} of edit {operation.edit}"
    if isinstance(operation, Mark):
        return f"{what} is a {'success' if operation.success else 'failure'}"
    if isinstance(operation, Trim):
        return f"keep frames {operation.first} to {operation.last} of {what}"
    return f"delete {what}"
