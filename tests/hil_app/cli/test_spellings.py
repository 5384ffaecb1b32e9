"""What a command is about is a word, or has an older spelling; what is meant is suggested."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.load import Parser, load
from hil_app.__main__ import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def outcome(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    status = main(line.split())
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        (
            "There is no port ./nope",
            [
                "setup-motors ./nope",
                "setup-motors --port=./nope",
                "setup-motors --robot.port ./nope",
            ],
        ),
        (
            "There is no port ./nope",
            [
                "calibrate ./nope --robot.type=so101",
                "calibrate --robot.type=so101 --robot.port=./nope",
            ],
        ),
        (
            "There is no port ./nope",
            [
                "calibrate ./nope --teleop.type=so101_leader",
                "calibrate --teleop.type=so101_leader --teleop.port=./nope",
            ],
        ),
        ("There is no port ./nope", ["find-limits ./nope", "find-limits --robot.port=./nope"]),
        (
            "nope is no run's folder",
            [f"eval {one}nope" for one in ("", "--checkpoint=", "--checkpoint ")],
        ),
        (
            "nope is no run's folder",
            ["train --resume nope", "train --resume=nope", "train --resume --checkpoint=nope"],
        ),
        ("nope is no dataset", ["train-classifier nope x", "train-classifier --dataset nope x"]),
    ],
)
def test_a_word_is_the_same_as_its_older_spellings(
    said: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = [outcome(capsys, line) for line in lines]
    assert said in first[2]
    assert others == [first] * len(others)


def test_a_word_may_be_an_option_of_the_configuration() -> None:
    def root(*argv: str) -> Path | None:
        parser = Parser("hil-app test")
        parser.add_config_word("dataset.root", "ROOT", "where")
        return load(parser, argv, "sim_pick_lift")[0].dataset.root

    assert root() is None
    assert root("data/a", "--env.fps=5") == root("--dataset.root=data/a") == Path("data/a")
    with pytest.raises(ConfigError, match=r"^data/b and --dataset.root are the same: leave one"):
        root("--dataset.root=data/a", "data/b")


def test_config_show_takes_a_preset_a_file_and_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    status, sac, _ = outcome(capsys, "config show sac")
    assert (status, sac) == outcome(capsys, "config show --config_path=sac")[:2]
    Path("first").mkdir()
    Path("first/config.yaml").write_text(sac)
    for line in ("config show first", "config show first/config.yaml"):
        assert outcome(capsys, line) == (0, sac, "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("eval one --checkpoint=two", "RUN is given twice, the other time by --checkpoint: leave"),
        ("setup-motors one --port=two", "PORT is given twice, the other time by --port: leave one"),
        ("calibrate one --robot.type=so101 --robot.port=two", "two ports are named, one and two"),
        ("train --resume=one --checkpoint=two", "--checkpoint: --resume names one; leave one out"),
        ("completion fish", "argument shell: got 'fish', allowed: bash, zsh (see "),
        ("setup-motors", "the following arguments are required: PORT (see "),
    ],
)
def test_what_is_named_twice_or_not_at_all_or_unknown_is_refused(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, reported = outcome(capsys, line)
    assert status == 2
    assert reported.startswith(f"hil-app: {said}")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("evaluate", "eval"),
        ("info data/lift", "dataset info"),
        ("--hlep", "--help"),
        ("train --chekpoint=x", "--checkpoint"),
        ("train --fps=20", "--env.fps"),
        ("train --port=/dev/ttyACM0", "--robot.port or --teleop.port or --page.port"),
        ("train so101_pick_lift", "--config_path=so101_pick_lift"),
        ("train mine.yaml", "--config_path=mine.yaml"),
        ("train --config_path=sim_picklift", "sim_pick_lift"),
        ("train --robot.type=so11", "so101"),
        ("calibrate x --robot.type=so11", "so101"),
        ("train --teleop.type=gampad", "gamepad"),
        ("train --processor.reward.type=sprse", "sparse"),
        ("train --algorithm.type=sca", "sac"),
        ("train --robot.task.type=raech", "reach"),
        ("find-port --alsoo=x", "--also"),
        ("virtual-arm --arm=so11", "so101"),
        ("virtual-arm --world=sim_picklift", "sim_pick_lift"),
        ("eval --which=bets", "best"),
    ],
)
def test_what_was_meant_is_suggested(
    line: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, reported = outcome(capsys, line)
    assert (status, printed) == (2, "")
    assert f" (did you mean {meant}?)" in reported
    assert len(reported.splitlines()) == 1
