"""Forms of commands: what may be chosen, what is wrong with it, and what it comes to."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from asgi_client import Client
from made_runs import make_run

from configs.options.parser import HelpShown
from hil_app.cli.commands import find
from hil_app.page.home.forms import FORMS
from hil_app.page.home.places import Places


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Places) -> None:
    """A working folder with a run that has learned, and files beside it."""
    monkeypatch.chdir(tmp_path)
    make_run(places.runs / "first", updates=3)
    (tmp_path / "my_arm.yaml").write_text("robot: {type: so101, id: mine}\nenv: {paced: true}\n")
    (tmp_path / "notes.yaml").write_text("milk: 2\n")


def filled(browser: Client, form: str, base: str = "", **given: Any) -> Any:
    """What the page says of a form that is filled in."""
    answer = browser.post("/api/forms", {"form": form, "base": base, **given})
    assert answer.status == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("name", FORMS)
def test_a_form_as_it_is_comes_to_a_command_that_there_is(name: str, browser: Client) -> None:
    form = FORMS[name]
    found = filled(browser, name, "first" if form.base == "run" else "")
    assert found["faults"] == {}
    assert found["fields"] or form.flags
    assert {field["name"] for field in found["fields"]} <= {*form.options}
    assert all(field["about"] and field["usual"] for field in found["fields"])
    program, *words = shlex.split(found["command"])
    command, _ = find(words)
    assert (program, command.name) == ("hil-app", form.words[0])
    with pytest.raises(HelpShown):
        command.run([*words[1:], "--help"])


def test_files_of_this_folder_are_offered_before_the_presets(browser: Client) -> None:
    found = browser.get("/api/forms").json()
    assert found["presets"][0] == "my_arm.yaml"
    assert "notes.yaml" not in found["presets"]
    assert "sim_pick_lift" in found["presets"]
    assert found["runs"] == ["first"]


def test_fields_are_those_of_the_robot_and_operator_that_are_chosen(browser: Client) -> None:
    def names(**given: Any) -> set[str]:
        return {field["name"] for field in filled(browser, "train", **given)["fields"]}

    leads = {"teleop.type": "so101_leader"}
    assert not names() & {"robot.port", "teleop.port"}
    assert names(base="my_arm.yaml", options=leads) >= {"robot.port", "robot.id", "teleop.port"}


def test_a_value_has_its_choices_and_what_it_is_without(browser: Client) -> None:
    fields = {one["name"]: one for one in filled(browser, "teleoperate")["fields"]}
    assert fields["teleop.type"]["usual"] == "page"
    assert "keyboard" in fields["teleop.type"]["choices"]
    assert fields["teleoperate.record"]["choices"] == ["true", "false"]
    assert fields["teleoperate.episodes"] == {
        "name": "teleoperate.episodes",
        "about": "Episodes after which the command ends; null goes on until it is stopped.",
        "usual": "null",
        "choices": [],
    }


def test_what_is_wrong_is_said_at_its_place_as_the_command_line_says_it(browser: Client) -> None:
    options = {"train.ticks": "-3", "eval.episodes": "many"}
    found = filled(browser, "train", options=options)
    assert found["faults"] == {
        "train.ticks": "train.ticks: input should be greater than or equal to 1, got -3",
        "eval.episodes": "eval.episodes: input should be a valid integer, unable to parse string as"
        " an integer, got 'many'",
    }
    assert {"train.ticks", "robot.type"} <= {field["name"] for field in found["fields"]}
    unread = filled(browser, "train", options={"train.ticks": "["})["faults"]
    assert unread["train.ticks"].startswith("train.ticks: got '[': ")
    refused = browser.post("/api/started", {"form": "train", "options": options})
    assert (refused.status, refused.json()["error"][:12]) == (400, "train.ticks:")
    assert browser.get("/api/started").json() is None


def test_what_stands_at_no_field_is_said_too(browser: Client) -> None:
    found = filled(browser, "train", options={"robot.type": "so101"})
    (said,) = found["faults"].values()
    assert "env.paced: a real arm moves in real time" in said


def test_the_command_has_all_that_was_chosen(browser: Client) -> None:
    options = {"train.ticks": " 50 ", "output_dir": "my runs/one", "seed": ""}
    found = filled(browser, "train", "my_arm.yaml", options=options)
    assert found["command"] == (
        "hil-app train --config_path=my_arm.yaml --train.ticks=50 '--output_dir=my runs/one' "
        "--page=true"
    )
    found = filled(browser, "find-limits", flags={"--save": "my_arm.yaml", "--reset-pose": "yes"})
    assert found["command"].endswith("so101_pick_lift --save=my_arm.yaml --reset-pose")
    assert filled(browser, "resume", "first", options={"train.ticks": "99"})["command"] == (
        f"hil-app train --resume={Path.cwd() / 'runs/first'} --train.ticks=99 --page=true"
    )


def test_a_new_run_goes_where_the_page_looks_for_runs(browser: Client, places: Places) -> None:
    (words,) = (filled(browser, "demo")["command"],)
    assert f"--output_dir={places.runs}/" in words
    assert words.endswith("_demo --page=true")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"form": "shell"}, 404, "there is no such form; there are demo, "),
        ({"form": "train", "options": {"page.token": "x" * 20}}, 400, "page.token is not in this"),
        ({"form": "demo", "options": {"robot.port": "/dev/x"}}, 400, "robot.port is not in this"),
        ({"form": "train", "options": {"seed": 3}}, 400, "seed: a line of text is expected"),
        ({"form": "train", "options": {"seed": "3\n--x"}}, 400, "seed: a line of text is expected"),
        ({"form": "train", "options": ["seed"]}, 400, "an object of texts is expected"),
        ({"form": "train", "base": "/etc/passwd"}, 400, "/etc/passwd is neither a preset nor"),
        ({"form": "train", "base": "../x.yaml"}, 400, "../x.yaml is neither a preset nor"),
        ({"form": "train", "base": "notes.yaml"}, 400, "notes.yaml is neither a preset nor"),
        ({"form": "eval", "base": ".."}, 404, "there is no '..' in "),
        ({"form": "eval", "base": "first/.."}, 404, "there is no 'first/..' in "),
        ({"form": "find-limits", "flags": {"--seconds": "9"}}, 400, "--seconds is not in this"),
    ],
)
def test_what_is_not_in_a_form_cannot_be_started(
    body: dict[str, Any], status: int, said: str, browser: Client
) -> None:
    for path in ("/api/forms", "/api/started"):
        answer = browser.post(path, body)
        assert (answer.status, answer.json()["error"][: len(said)]) == (status, said)


def test_a_result_is_saved_in_this_folder_alone(browser: Client) -> None:
    for path in ("../x.yaml", "/tmp/x.yaml", "x.py", "a/b.yaml"):
        faults = filled(browser, "find-limits", flags={"--save": path})["faults"]
        assert list(faults) == ["--save"]


def test_several_words_are_given_one_by_one(browser: Client) -> None:
    flags = {"FILE": "mine.yaml", "--also": "/tmp/arm 'my film.avi'"}
    found = filled(browser, "setup", flags=flags)
    assert found["command"] == "hil-app setup mine.yaml --also=/tmp/arm '--also=my film.avi'"
    assert found["faults"] == {}
    faults = filled(browser, "setup", flags={"FILE": "-x.yaml", "--also": "it's"})["faults"]
    assert faults["--also"] == "--also: it's: a quote has no end"
    assert "name a file" in faults["FILE"]


def test_what_is_no_object_of_json_is_refused(browser: Client) -> None:
    for content in (b"[", b"[]", b"3", b"[" * 9000):
        answer = browser.ask("POST", "/api/forms", content)
        assert answer.status == 400
    assert browser.ask("POST", "/api/forms", b"x" * 70_000).status == 413
