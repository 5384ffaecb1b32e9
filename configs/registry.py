"""What a configuration can name: robots, teleoperators, steps, tasks, rewards, algorithms.

An entry is a config class, whose ``type`` is its name, and a factory that makes the thing. Ours and
others' are registered in the same way, and both then work in YAML and as options::

    @ROBOTS.register("toy.robot:Toy")
    class ToyConfig(RobotConfig):
        type: Literal["toy"] = "toy"

The factory is imported when it is called, so that a config costs nothing but itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import dropwhile
from types import UnionType
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from configs.base import Config, ConfigError
from configs.text.reading import did_you_mean

C = TypeVar("C", bound=Config)
RegistrySnapshot = tuple[dict[str, Any], dict[str, str]]
Factory = str | Callable[..., Any]  # "package.module:attribute", or the thing itself


class RegistryError(ConfigError):
    """Something cannot be registered, or what is asked for is not; the message lists what is."""


@dataclass(frozen=True)
class Entry(Generic[C]):
    """What is registered under a name."""

    name: str
    config: type[C]
    factory: Factory | None
    source: str | None  # the plug-in that brought it, and its version; None for whoever imported it


class Registry(Generic[C]):
    """The entries of one kind by name, all with config classes on one ``base``.

    ``default`` is the type of a block that says none. A block may be the name alone where
    ``bare`` says so.
    """

    source: ClassVar[str | None] = None  # of what is registered now
    all: ClassVar[list[Registry[Any]]] = []

    def __init__(
        self, kind: str, base: type[C], *, default: str | None = None, bare: bool = False
    ) -> None:
        self.kind, self.base = kind, base
        self._default, self._bare = default, bare
        self._entries: dict[str, Entry[C]] = {}
        self._spellings: dict[str, str] = {}
        Registry.all.append(self)

    def register(
        self, factory: Factory | None = None, *, spellings: tuple[str, ...] = ()
    ) -> Callable[[type[C]], type[C]]:
        """Register the decorated config class under what its ``type`` says.

        ``spellings`` are further names that are read as that one. Registered once more, the class
        gets another factory. Raises RegistryError if the class is of no use, or its name taken.
        """

        def decorate(config: type[C]) -> type[C]:
            name = self._name(config)
            self._entries[name] = Entry(name, config, factory, Registry.source)
            self._spellings |= dict.fromkeys(spellings, name)
            reopen(self)
            return config

        return decorate

    def _name(self, config: type[C]) -> str:
        """What a class is to be called. Raises RegistryError."""
        if not (isinstance(config, type) and issubclass(config, self.base)):
            raise RegistryError(f"{config!r} cannot be a {self.kind}: it is no {_path(self.base)}")
        field = config.model_fields.get("type")
        name = field.default if field else None
        if not isinstance(name, str) or get_args(field and field.annotation) != (name,):
            raise RegistryError(f'{_path(config)} needs a name: `type: Literal["name"] = "name"`')
        taken = self._entries.get(name)
        if taken is not None and taken.config is not config:
            raise RegistryError(
                f"{_path(config)}: the name {name} is taken by the {self.kind} "
                f"{_path(taken.config)}: choose another"
            )
        return name

    def provide(self, name: str, factory: Factory) -> None:
        """Give what is registered as ``name`` another factory. Raises RegistryError."""
        self._entries[name] = replace(self[name], factory=factory)

    def __iter__(self) -> Iterator[Entry[C]]:
        return iter(self._entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Entry[C]:
        """The entry of a name, in any of its spellings. Raises RegistryError."""
        try:
            return self._entries[self.spelled(name)]
        except KeyError:
            raise RegistryError(
                f"no {self.kind} is called {name!r}{did_you_mean(name, self._entries)}; "
                f"available: {', '.join(sorted(self._entries)) or 'none'}"
            ) from None

    def factory(self, config: C) -> Callable[..., Any]:
        """What makes the thing of a config. Raises RegistryError."""
        entry = next((one for one in self if one.config is type(config)), None)
        if entry is None:
            raise RegistryError(f"{_path(type(config))} is not registered as a {self.kind}")
        if entry.factory is None:
            whole = ", ".join(sorted(one.name for one in self if one.factory is not None))
            raise RegistryError(
                f"the {self.kind} {entry.name!r} has a config, and nothing that makes it; "
                f"available: {whole or 'none'}"
            )
        return imported(entry.factory)

    def spelled(self, name: str) -> str:
        """Our spelling of a name."""
        return self._spellings.get(name, name)

    def block(self, content: Any) -> Any:
        """A block with its type, in our spelling; whatever is none stays as it is."""
        if self._bare and isinstance(content, str):
            content = {"type": content}
        if not isinstance(content, dict):
            return content
        kind = content.get("type", self._default)
        spelled = self.spelled(kind) if isinstance(kind, str) else kind
        return content if kind is None else {**content, "type": spelled}

    def validate(self, content: object) -> C:
        """The config that a block describes. Raises RegistryError or pydantic's ValidationError."""
        block = self.block(content)
        return self[block["type"]].config.model_validate(block)

    def annotation(self, default: type | None, others: tuple[Any, ...] = ()) -> Any:
        """The type of a field that takes any entry, or one of ``others``."""
        configs = [entry.config for entry in self] or [self.base]
        configs.sort(key=lambda config: config is default)  # --help shows the last one's defaults
        read, either = BeforeValidator(self.block), Union[(*configs, *others)]
        if len(configs) == 1:  # pydantic tells no single one apart
            return Annotated[either, read]
        return Annotated[either, Field(discriminator="type"), read]

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Whatever is registered meanwhile is forgotten at the end."""
        before = self.snapshot()
        try:
            yield
        finally:
            self.restore(before)

    def snapshot(self) -> RegistrySnapshot:
        """What is registered now."""
        return dict(self._entries), dict(self._spellings)

    def restore(self, snapshot: RegistrySnapshot) -> None:
        """Have registered what was then, and no more."""
        self._entries, self._spellings = dict(snapshot[0]), dict(snapshot[1])
        reopen(self)


class OpenConfig(Config):
    """A config some of whose fields take whatever is registered.

    Such a field is annotated with the base class of a registry. It takes what is registered later,
    too.
    """

    model_config = ConfigDict(defer_build=True)  # until the fields are opened

    _declared: ClassVar[Mapping[str, FieldInfo]] = {}  # these fields, as they were written
    _takes: ClassVar[Mapping[str, Registry[Any]]] = {}  # the registry of each

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        own = vars(cls).get("__annotations__", {})
        written = {
            name: field if name in own else cls._declared.get(name, field)
            for name, field in cls.model_fields.items()
        }
        found = {name: _registry_of(field.annotation) for name, field in written.items()}
        cls._takes = {name: registry for name, registry in found.items() if registry is not None}
        cls._declared = {name: written[name] for name in cls._takes}
        _open.append(cls)
        cls._reopen()

    @classmethod
    def _reopen(cls) -> None:
        for name, registry in cls._takes.items():
            field = cls._declared[name]
            annotation = _opened(field.annotation, registry, type(field.default))
            made = FieldInfo.from_annotated_attribute(annotation, field.default)
            made.description, made.metadata = field.description, [*field.metadata, *made.metadata]
            cls.model_fields[name] = made
        cls.model_rebuild(force=True)


_open: list[type[OpenConfig]] = []  # inner ones first, as they were written


def reopen(registry: Registry[Any]) -> None:
    """Have all fields that take what is in a registry take what is in it now."""
    for model in dropwhile(lambda one: registry not in one._takes.values(), _open):
        model._reopen()  # the later ones may hold it


def imported(factory: Factory) -> Callable[..., Any]:
    """What makes a thing, imported now if it is not yet. Raises RegistryError."""
    if not isinstance(factory, str):
        return factory
    module, _, attribute = factory.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as error:
        raise RegistryError(f"{factory} is registered, and not there: {error}") from error
    return found


def block_of(content: Any, models: Collection[Any]) -> Any:
    """The block of one of some models, with its type, in our spelling; else what is there."""
    for registry in Registry.all:
        if any(entry.config in models for entry in registry):
            return registry.block(content)
    for model in models:
        if isinstance(model, type) and issubclass(model, Config):
            content = model.block(content)
    return content


def _registry_of(annotation: Any) -> Registry[Any] | None:
    """The registry whose base class a field takes, alone, as one of several, or in a list."""
    single = get_origin(annotation) not in (list, Union, UnionType)
    parts = (annotation,) if single else get_args(annotation)
    return next((one for one in Registry.all if one.base in parts), None)


def _opened(annotation: Any, registry: Registry[Any], default: type) -> Any:
    """An annotation with the base class of a registry replaced by all that is registered."""
    if get_origin(annotation) is list:
        return list[registry.annotation(default)]  # type: ignore[misc]
    others = tuple(one for one in get_args(annotation) if one is not registry.base)
    return registry.annotation(default, others)


def _path(config: type) -> str:
    return f"{config.__module__}.{config.__qualname__}"
