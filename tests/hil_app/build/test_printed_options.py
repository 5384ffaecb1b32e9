"""What commands print to be pasted means the same once it has been through a shell."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from configs.load import ConfigError, Parser, load
from configs.robot import SO101Config
from configs.text.paths import option, typed
from hil_app.cli import find_cameras
from hil_app.cli.arm import find_port, saved_limits
from hil_app.cli.arm.options import ChosenArm
from hil_app.cli.config import importing
from hil_app.recording.disk import disk
from hil_app.recording.format.layout import DatasetError
from hil_app.support.checkpoint_names import others
from robots.feetech.wire import _why_closed

HOSTILE = [
    "/dev/my arm",
    "http://127.0.0.1:8911/?action=stream&fps=30#x",
    'it\'s "here"; echo $HOME `id` !! * (a) {b,c} | > < \\',
    "~/videos/[1].mp4",
    "a=b'c",
]
each = pytest.mark.parametrize("value", HOSTILE)


def words(line: str) -> list[str]:
    """What a program is given for ``line``, pasted into a shell."""
    script = f'show() {{ printf \'%s\\0\' "$@"; }}\nhil-app() {{ show "$@"; }}\n{line}'
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stderr == ""
    return done.stdout.split("\0")[:-1]


ROOT = Path(__file__).parents[3]
IN_A_COMMAND = re.compile(
    r"(`(hil-app|sudo|fuser|pip)\b[^`]*|hil-app [a-z][a-z -]*(--\S+ )*|(^|\s)--[\w.-]+[= ])$"
)
QUOTED = re.compile(r"(typed|option|shown\(typed|shlex\.(quote|join))\(")
OUR_WORDS = {  # nothing for a shell to see in them; `named` is made by option
    *("world.arm", "kind", "cfg.type", "way", "DEFAULT_PRESET", "what", "name", "recorded.fps"),
    *("named", "PACKAGES[module]", "2 * run.goal"),
    *("number", "command"),  # of an edit; of the learner
    *("ALL", "topic", "option.text", "', '.join(tags(those))"),  # of the help
}


STARTERS = {"bench", "home/filled.py", "remote/membership.py", "sweep/training.py", "cli/sweep.py"}
"""What starts commands by their words, which no shell sees."""


def put_into_commands(source: str) -> Iterator[tuple[int, str]]:
    """Where a source text puts something into a command that is printed: line and expression."""
    for node in ast.walk(ast.parse(source)):
        before = ""
        for part in node.values if isinstance(node, ast.JoinedStr) else ():
            if isinstance(part, ast.FormattedValue) and IN_A_COMMAND.search(before):
                yield node.lineno, ast.unparse(part.value)
            before += str(part.value) if isinstance(part, ast.Constant) else "x"


def test_whatever_is_put_into_a_printed_command_is_quoted() -> None:
    found = [
        (path.relative_to(ROOT), line, text)
        for package in ("configs", "hil_app", "processors", "robots", "teleop")
        for path in sorted((ROOT / package).rglob("*.py"))
        if not STARTERS & {*path.parts, "/".join(path.parts[-2:])}
        for line, text in put_into_commands(path.read_text())
    ]
    assert sum(bool(QUOTED.match(text)) for _, _, text in found) >= 8  # so the search finds them
    bare = [one for one in found if not QUOTED.match(one[2]) and one[2] not in OUR_WORDS]
    assert not bare, f"use typed or option: {bare}"


class Guide:
    """Keeps the lines that a guided command says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        self.lines.append(text)

    say = line


@each
def test_a_word_and_an_option_stay_one_word(value: str) -> None:
    assert words(f"show {typed(value)} {option('block.some key', value)}") == [
        value,
        f"--block.some key={value}",
    ]


@pytest.mark.parametrize("value", [*HOSTILE[:3], "null", "'a'", '"', "true", "{a: 1}", "#1"])
def test_an_option_that_is_pasted_means_what_was_printed(value: str) -> None:
    given = words("show " + option("robot.port", value))
    config, _ = load(Parser(prog="test"), given, "so101_pick_lift")
    assert config.robot.port == value  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["-x.yaml", "--robot.port=x", "-", "-my run"])
def test_a_path_that_begins_with_a_dash_is_no_option(path: str, tmp_path: Path) -> None:
    given = words(f"show --config_path {typed(path)}")[1]
    assert given == f"./{path}"
    assert words("show " + option("output_dir", path)) == [f"--output_dir={path}"]
    theirs = {"env": {"name": "real_robot", "robot": {"type": "so101_follower"}}}
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    command = [sys.executable, "-m", "hil_app", "config", "import", "theirs.json"]
    done = subprocess.run(
        [*command, f"--save={path}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    last = done.stderr.splitlines()[-1].removeprefix("Look it over, then: ")
    assert words(last) == ["train", "--config_path", f"./{path}"]


@each
def test_find_port_names_the_port(value: str) -> None:
    guide: Any = Guide()
    find_port._tell(guide, value)
    pasted = [line for line in guide.lines if line.startswith("  --")]
    assert words("show " + " ".join(pasted)) == [f"--robot.port={value}", f"--teleop.port={value}"]


@each
def test_find_cameras_names_the_source(value: str) -> None:
    view = SimpleNamespace(image=np.zeros((48, 64, 3), np.uint8), fps=30.0)
    one: Any = SimpleNamespace(source=value, view=view)
    guide: Any = Guide()
    find_cameras._suggest(guide, [one])
    given = words("show " + guide.lines[-1])
    config, _ = load(Parser(prog="test"), given, "so101_pick_lift")
    front: Any = config.robot.cameras["front"]
    assert front.index_or_path == str(Path(value).expanduser() if value[0] == "~" else value)
    assert (front.width, front.height) == (64, 48)


@each
def test_calibrate_names_the_arm(value: str) -> None:
    arm = ChosenArm("robot", "so101", SO101Config(port=value, calibration_dir=Path("/x") / value))
    assert f"--robot.port={arm.cfg.port}" in words("show " + arm.options)
    assert f"--robot.calibration_dir={arm.cfg.calibration_dir}" in words("show " + arm.options)


@each
def test_remedies_name_their_folder(value: str, tmp_path: Path) -> None:
    root = tmp_path / value.strip("/")
    with pytest.raises(DatasetError) as caught, disk(root):
        raise OSError(28, "No space left on device")
    repair = re.findall(r"`(hil-app dataset repair .*)` brings", str(caught.value))
    assert words(repair[0]) == ["dataset", "repair", str(root)]
    (root / "tick_5").mkdir(parents=True)
    pasted = others(root / "tick_9").removeprefix("name another, ")
    assert words("show " + pasted) == [f"--checkpoint={root / 'tick_5'}"]


@each
def test_a_port_without_permission_is_named(value: str) -> None:
    said = _why_closed(value, PermissionError(13, "Permission denied"))
    chmod = re.findall(r"`sudo (chmod .*)`\.", said)
    assert words(f"show {chmod[0]}") == ["chmod", "a+rw", value]


@each
def test_config_import_names_the_file(value: str, tmp_path: Path) -> None:
    name = value.replace("/", "_").replace("~", "")
    theirs = {"env": {"name": "real_robot", "robot": {"type": "so101_follower"}}}
    (tmp_path / f"{name}.json").write_text(json.dumps(theirs))
    command = [sys.executable, "-m", "hil_app", "config", "import", f"{name}.json"]
    done = subprocess.run(
        [*command, f"--save={name}.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    last = done.stderr.splitlines()[-1].removeprefix("Look it over, then: ")
    assert words(last) == ["train", "--config_path", f"{name}.yaml"]


@each
def test_find_limits_names_the_file(value: str, tmp_path: Path) -> None:
    guide: Any = Guide()
    config, _ = load(Parser(prog="test"), [], "so101_pick_lift")
    path = tmp_path / value.replace("/", "_")
    saved_limits.save(guide, config, {saved_limits.MIN: [0.1, -0.1, 0.02]}, path)
    last = guide.lines[-1].removeprefix("Use it with ")
    assert words(f"show {last}") == ["--config_path", str(path)]


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-32"])
def test_found_limits_go_into_a_file_of_any_coding(coding: str, tmp_path: Path) -> None:
    guide: Any = Guide()
    config, _ = load(Parser(prog="test"), [], "so101_pick_lift")
    path = tmp_path / "mine.yaml"
    path.write_bytes(
        "seed: 7  # für mich\nprocessor: {bounds: {max: [0.4, 0.2, 0.3]}}\n".encode(coding)
    )
    saved_limits.check_savable(path, [saved_limits.MIN])
    saved_limits.save(guide, config, {saved_limits.MIN: [0.11, -0.12, 0.03]}, path)
    assert "seed: 7  # für mich" in path.read_text(encoding="utf-8")
    found, _ = load(Parser(prog="test"), ["--config_path", str(path)], "so101_pick_lift")
    assert (found.seed, found.processor.bounds.min) == (7, (0.11, -0.12, 0.03))


def test_a_file_that_is_no_text_is_named_before_an_operator_begins(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes("grün: 1\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"--save: .*mine\.yaml: cannot be read \(not text"):
        saved_limits.check_savable(path, [saved_limits.MIN])


def test_an_import_never_writes_over_a_link(tmp_path: Path) -> None:
    theirs = {"env": {"name": "real_robot", "robot": {"type": "so101_follower"}}}
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    (tmp_path / "other.yaml").write_text("seed: 3\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "other.yaml")
    for name in ("dangling.yaml", "link.yaml"):
        with pytest.raises(ConfigError, match="is there already: name a new file"):
            importing.run([str(tmp_path / "theirs.json"), f"--save={tmp_path / name}"])
    assert not (tmp_path / "elsewhere.yaml").exists()
    assert (tmp_path / "other.yaml").read_text() == "seed: 3\n"
