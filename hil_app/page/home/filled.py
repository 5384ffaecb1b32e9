"""A form as a browser has filled it in: checked as the command line is, and the command's words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from configs import plugins
from configs.errors import ConfigError
from configs.load import faults, presets, read, validate
from configs.options.catalogue import Option, blocks
from configs.options.overrides import overridden
from configs.page import PageConfig
from configs.run import RunConfig
from configs.text.reading import Unreadable, content_of, parse_yaml
from hil_app.page.home.api import Asked, NotHere, Refused
from hil_app.page.home.forms import FORMS, Form
from hil_app.page.home.places import Places
from hil_app.runs.folder import RUNS, new_run

_FILE = re.compile(r"[\w.][\w. +-]{0,99}\.ya?ml")  # in the working folder
_LARGEST = 1 << 16  # bytes of a file that may be a configuration
_LONGEST = 1000  # characters of a value


@dataclass(frozen=True)
class Filled:
    """A form with its ``base``, a preset, a file or a run's name, and options by dotted name."""

    form: Form
    places: Places
    base: str
    options: Mapping[str, str]
    flags: Mapping[str, str]

    @classmethod
    def of(cls, asked: Asked, places: Places) -> Filled:
        """What a browser has sent; NotHere, or Refused if it is not in the form."""
        form = FORMS.get(str(asked.body.get("form")))
        if form is None:
            raise NotHere(f"there is no such form; there are {', '.join(FORMS)}")
        given = _texts(asked.body.get("options", {}), form.options)
        flags = _texts(asked.body.get("flags", {}), form.flags)
        base = asked.body.get("base") or (form.preset if form.base == "preset" else "")
        return cls(form, places, str(base), {**form.usual, **given}, flags)

    @cached_property
    def under(self) -> dict[str, Any]:
        """The configuration under the options; ConfigError if it cannot be read."""
        if self.form.base == "fixed":
            return {**(self.form.fixed or read(self.form.preset))}
        if self.form.base == "run":
            return read(str(self.places.run(self.base).folder))
        if self.base not in (*presets(), *configs_here()):
            raise Refused(f"{self.base} is neither a preset nor a configuration in this folder")
        return read(self.base)

    def faults(self) -> dict[str, str]:
        """What is wrong, by the dotted place; ``""`` has what stands at none."""
        plugins.load()
        if wrong := dict(self._wrong_flags()):
            return wrong
        try:
            content = self._content()
        except ConfigError as error:
            name = str(error).partition(":")[0]
            return {name if name in self.options else "": str(error)}
        found = {".".join(place): text for place, text in faults(content)}
        if self.form.fixed:  # all else in such a configuration is not looked at
            (block,) = self.form.fixed
            found = {place: text for place, text in found.items() if place.startswith(block)}
        return found

    def fields(self) -> list[dict[str, Any]]:
        """The options that there are now, each with its value, what it is for, and its choices."""
        before = now = _options(validate(self.under))
        with suppress(ConfigError):  # which is told at its place
            now = _options(validate(self._content()))
        return [
            {
                "name": name,
                "about": now[name].description,
                "usual": self.form.usual.get(name) or before.get(name, now[name]).text,
                "choices": list(self.form.choices.get(name, now[name].choices)),
            }
            for name in self.form.options
            if name in now
        ]

    def words(self, page: PageConfig) -> list[str]:
        """The words of the command; where it has a page of its own, that is served as ``page``."""
        run = str(self.places.run(self.base).folder) if self.form.base == "run" else ""
        words = [word.replace("{run}", run) for word in self.form.words]
        if self.form.base == "preset":
            words.append(f"--config_path={self.base}")
        words += [f"--{name}={value}" for name, value in self.options.items()]
        words += [word for name, value in self.flags.items() for word in self._flag(name, value)]
        return [*words, *self._folder(), *_page_words(page)] if self.form.page else words

    def _content(self) -> dict[str, Any]:
        """The configuration with the options on top; ConfigError if one cannot be read."""
        return overridden(self.under, [(name, [text]) for name, text in self.options.items()])[0]

    def _folder(self) -> Iterator[str]:
        """Where a new run goes, if the page looks for runs elsewhere than commands put them."""
        if (
            self.places.runs != RUNS
            and self.form.base != "run"
            and "output_dir" not in self.options
        ):
            yield f"--output_dir={self.places.runs / new_run(self.form.name).name}"

    def _flag(self, name: str, value: str) -> list[str]:
        """The words that give a flag its ``value``."""
        takes = self.form.flags[name].takes
        if takes is None:
            return [name]
        values = [value]
        if takes == "words":
            with suppress(ValueError):  # which is told at its place
                values = shlex.split(value)
        return [f"{name}={one}" for one in values] if name.startswith("--") else values

    def _wrong_flags(self) -> Iterator[tuple[str, str]]:
        for name, value in self.flags.items():
            takes = self.form.flags[name].takes
            if takes == "file" and not _FILE.fullmatch(value):
                yield name, f"{name}: {value}: name a file like my_arm.yaml, in this folder"
            elif takes == "words" and not _is_whole(value):
                yield name, f"{name}: {value}: a quote has no end"


def _is_whole(words: str) -> bool:
    try:
        return bool(shlex.split(words))
    except ValueError:
        return False


def configs_here() -> list[str]:
    """The YAML files in the working folder that may be the configuration of a run."""
    return sorted(path.name for path in Path().glob("*.y*ml") if _is_config(path))


def _is_config(path: Path) -> bool:
    try:
        if not _FILE.fullmatch(path.name) or path.stat().st_size > _LARGEST:
            return False
        content = parse_yaml(content_of(path))
    except (OSError, Unreadable):
        return False
    return isinstance(content, Mapping) and bool(content.keys() & RunConfig.model_fields.keys())


def _texts(given: Any, known: Any) -> dict[str, str]:
    """What a browser gives by name, without what is empty; Refused if it is not in the form."""
    if not isinstance(given, Mapping):
        raise Refused("an object of texts is expected")
    for name, value in given.items():
        if name not in known:
            raise Refused(f"{name} is not in this form; it has {', '.join(known)}")
        if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
            raise Refused(f"{name}: a line of text is expected")
    return {name: value.strip() for name, value in given.items() if value.strip()}


def _options(config: RunConfig) -> dict[str, Option]:
    """All options that a configuration has now, by name."""
    return {one.name: one for block in blocks(config) if not block.only for one in block.options}


def _page_words(page: PageConfig) -> Iterator[str]:
    yield "--page=true"
    if not page.local:
        yield f"--page.host={page.host}"
    if page.certificate is not None:
        yield f"--page.certificate={page.certificate}"
