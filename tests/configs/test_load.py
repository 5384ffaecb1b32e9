"""From presets, files and dotted options to one configuration, or to one readable line."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.classifier import LearningConfig
from configs.env import EnvConfig
from configs.learning.learner import OfflineDatasetConfig
from configs.load import ConfigError, Parser, dump, load, merge, presets, read, validate
from configs.manual import GamepadHIDConfig, KeyboardConfig
from configs.options.catalogue import topics
from configs.options.explain import models_in
from configs.options.help import HelpConfig
from configs.processor import BoundsConfig
from configs.robot import SafetyConfig, SimCameraConfig, SO100SimConfig, SO101Config, SO101SimConfig
from configs.run import RunConfig
from configs.teleop import ScriptedTeleopConfig, SO100LeaderConfig

each_preset = pytest.mark.parametrize("preset", presets())


def loaded(*argv: str, default: str = "sim_pick_lift") -> RunConfig:
    return load(Parser(prog="hil-app test"), argv, default)[0]


def refusal(*argv: str, default: str = "sim_pick_lift") -> str:
    """The one line that says why these options cannot be used."""
    with pytest.raises(ConfigError) as caught:
        loaded(*argv, default=default)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return write


@each_preset
def test_every_preset_loads(preset: str) -> None:
    assert loaded(default=preset) == validate(read(preset))
    assert loaded("--config_path", preset, default="nowhere") == validate(read(preset))


@each_preset
def test_a_dump_reads_back_as_an_equal_config(preset: str, file: Any) -> None:
    config = loaded(default=preset)
    again = validate(read(file(dump(config))))
    assert again == config
    assert dump(again) == dump(config)


def test_a_dump_keeps_what_was_turned_off_or_named_by_the_user(file: Any) -> None:
    config = loaded(
        "--teleop=null",
        "--train.demonstrations=0",
        "--env.control_time_s=null",
        "--robot.cameras.front.width=64",
        "--processor.images.crop.front=[1, 2, 30, 40]",
        "--policy.std_min=1e-7",
        "--output_dir=some/where",
    )
    again = validate(read(file(dump(config))))
    assert again == config
    assert (again.teleop, again.policy.std_min) == (None, 1e-7)
    assert again.output_dir == Path("some/where")


def test_file_and_options_merge_deeply(file: Any) -> None:
    mine = file(
        "env: {fps: 7, paced: false}\n"
        "processor: {bounds: {max: [0.3, 0.1, 0.09]}, observation: {joints: gripper}}\n"
    )
    config = loaded("--config_path", mine, "--env.control_time_s=3", "--processor.gripper.open=50")
    assert (config.env.fps, config.env.paced, config.env.control_time_s) == (7, False, 3)
    assert config.env.reset_speed == RunConfig().env.reset_speed
    assert config.processor.bounds.max == (0.3, 0.1, 0.09)
    assert config.processor.bounds.min == RunConfig().processor.bounds.min
    assert config.processor.observation.joints == "gripper"
    assert (config.processor.gripper.open, config.processor.gripper.closed) == (50, 0)


def test_zeros_before_a_number_are_no_octal(file: Any) -> None:
    mine = file("seed: 0123\nenv: {fps: 010}\n")
    config = loaded("--config_path", mine, "--train.ticks=0400")
    assert (config.seed, config.env.fps, config.train.ticks) == (123, 10, 400)


def test_an_option_wins_over_the_file_and_the_last_of_two_wins(file: Any) -> None:
    mine = file("seed: 3\nenv: {fps: 7}\n")
    assert loaded("--config_path", mine).seed == 3
    assert loaded("--config_path", mine, "--seed=4").seed == 4
    assert loaded("--config_path", mine, "--env.fps=8", "--env.fps", "9").env.fps == 9


def test_merge_leaves_its_arguments_alone() -> None:
    base = {"a": {"b": 1, "c": {"d": 2}}}
    assert merge(base, {"a": {"c": {"e": 3}}}) == {"a": {"b": 1, "c": {"d": 2, "e": 3}}}
    assert base == {"a": {"b": 1, "c": {"d": 2}}}


def test_a_changed_type_keeps_what_both_types_share_and_mean_alike(
    file: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = file(
        "robot: {type: so101_sim, task: reach, reset_pose: [1, 2, 3, 4, 5, 6],"
        " cameras: {top: {width: 32}}}\nseed: 5\n"
    )
    config = loaded("--config_path", mine, "--robot.type=so100_sim")
    assert config.robot == SO100SimConfig(task="reach", cameras={"top": SimCameraConfig(width=32)})
    assert config.seed == 5
    assert "robot.type changes from so101_sim to so100_sim" in capsys.readouterr().err
    config = loaded("--config_path", mine, "--robot.type=so100_sim", "--robot.task=pick_lift")
    assert (config.robot.type, config.robot.task.type) == ("so100_sim", "pick_lift")
    assert merge(read(mine), {"robot": {"type": "so100_sim"}})["robot"] == {
        "type": "so100_sim",
        "task": "reach",
        "cameras": {"top": {"width": 32}},
    }


@pytest.mark.parametrize(
    ("preset", "kind"), [("so101_pick_lift", "so100"), ("so100_pick_lift", "so101_follower")]
)
def test_a_real_preset_keeps_its_cameras_for_the_other_arm(preset: str, kind: str) -> None:
    before, after = loaded(default=preset), loaded(f"--robot.type={kind}", default=preset)
    assert after.robot.type == kind.removesuffix("_follower")
    assert after.robot.cameras == before.robot.cameras != {}


def test_what_means_something_else_for_another_type_is_left_behind(
    file: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pad = file("teleop: {type: gamepad, rumble: 0.25, pad: Xbox, controls: {x: lefty}}\n")
    hid = loaded("--config_path", pad, "--teleop.type=gamepad_hid").teleop
    assert hid == GamepadHIDConfig(rumble=0.25, controls={"x": "lefty"})
    assert "teleop.type changes from gamepad to gamepad_hid, which has its own: pad" in (
        capsys.readouterr().err
    )
    keys = loaded("--config_path", pad, "--teleop.type=keyboard", "--env.paced=true").teleop
    assert keys == KeyboardConfig()  # a keyboard has no stick
    leader = file("teleop: {type: so101_leader, port: /dev/lead, follow_torque: 20}\n")
    led = loaded("--config_path", leader, "--teleop.type=so100_leader").teleop
    assert led == SO100LeaderConfig(port="/dev/lead", follow_torque=20)


@pytest.mark.parametrize("spelling", ["so101_sim", "so101_follower_sim"])
def test_the_same_type_in_any_spelling_keeps_them(file: Any, spelling: str) -> None:
    mine = file("robot: {type: so101_sim, task: reach}\n")
    config = loaded("--config_path", mine, f"--robot.type={spelling}")
    assert config.robot == SO101SimConfig(task="reach")


def test_the_spelling_of_lerobot_is_accepted(file: Any) -> None:
    assert loaded("--robot.type=so100_follower_sim").robot == SO100SimConfig()
    mine = file("robot: {type: so100_follower_sim, task: reach}\n")
    assert loaded("--config_path", mine).robot == SO100SimConfig(task="reach")


def test_keys_that_the_user_names() -> None:
    config = loaded(
        "--robot.cameras.front.width=64",
        "--robot.cameras.front.height=48",
        "--robot.cameras.hand.view=wrist",
        "--processor.images.crop.hand=[1, 2, 30, 40]",
    )
    front, hand = config.robot.cameras["front"], config.robot.cameras["hand"]
    assert (front.view, front.width, front.height) == ("front", 64, 48)
    assert (hand.view, hand.width, hand.height) == ("wrist", 128, 128)
    assert config.processor.images.crop == {"hand": (1, 2, 30, 40)}


REAL = ("--config_path", "so101_pick_lift")


@pytest.mark.parametrize(
    ("options", "cameras"),
    [
        (["--robot.cameras={ top: {index_or_path: 3, fps: 5} }"], {"top": 3}),
        (['--robot.cameras={"top": {"index_or_path": 3}}'], {"top": 3}),
        (["--robot.cameras={wrist.right: {index_or_path: 3}}"], {"wrist.right": 3}),
        (["--robot.cameras={}"], {}),
        (["--robot.cameras=null"], {}),
        (["--robot.cameras.front=null"], {"wrist": "http://127.0.0.1:8700/wrist"}),
        (["--robot.cameras.top.index_or_path=3", "--robot.cameras=null"], {"top": 3}),
        (["--robot.cameras={a: {}, b: {}}", "--robot.cameras.a=null"], {"b": 0}),
        (
            ["--robot.cameras=null", "--robot.cameras.wrist.right.index_or_path=3"],
            {"wrist.right": 3},
        ),
        (["--robot.cameras={a.b: {index_or_path: ~/x}}"], {"a.b": "HOME/x"}),
        (["--robot.cameras={a.b: {}, c: {}}", "--robot.cameras.a.b=null"], {"c": 0}),
    ],
)
def test_whole_blocks_replace_and_null_removes(
    options: list[str], cameras: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "HOME")
    found = loaded(*REAL, *options).robot.cameras
    assert {name: camera.index_or_path for name, camera in found.items()} == cameras  # type: ignore[union-attr]


def test_a_block_of_settings_is_replaced_whole_too() -> None:
    config = loaded(*REAL, "--env={fps: 20}", "--processor.bounds={min: [0.2, -0.1, 0.02]}")
    assert config.env == EnvConfig(fps=20)
    assert config.processor.bounds == BoundsConfig(min=(0.2, -0.1, 0.02))
    assert config.processor.step_size == (0.007, 0.007, 0.007)


def test_an_entry_with_a_dot_in_its_name_is_reported_from_a_field() -> None:
    crop = "--processor.images.crop.wrist.right=[1, 2, 30, 40]"
    config = loaded(*REAL, "--robot.cameras.wrist.right.fps=5", crop, "--robot.cameras.wrist.fps=6")
    assert list(config.robot.cameras) == ["front", "wrist", "wrist.right"]
    assert config.processor.images.crop == {"wrist.right": (1, 2, 30, 40)}


def test_text_is_taken_as_it_is_and_lists_in_every_form() -> None:
    config = loaded(
        "--dataset.task=Pick: the {cube} # 2",
        "--robot.type=so101",
        "--robot.id=007",
        "--env.paced=true",
        "--learner.mode=background",
        "--processor.observation.object=null",
        "--robot.port='/dev/my arm'",
        "--policy.hidden_dims=64,32",
        "--processor.step_size=0.01,0.02,0.03",
        "--processor.bounds.max=[0.3, 0.1, 0.2]",
    )
    assert config.dataset.task == "Pick: the {cube} # 2"
    assert (config.robot.id, config.robot.port) == ("007", "/dev/my arm")  # type: ignore[union-attr]
    assert config.policy.hidden_dims == [64, 32]
    assert config.processor.step_size == (0.01, 0.02, 0.03)
    assert config.processor.bounds.max == (0.3, 0.1, 0.2)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--robot.cameras.frnt=null", "robot.cameras.frnt: there is none to remove; there: front"),
        ("--env.fps=null", "env.fps: input should be a valid number"),
        ("--env.fps=", "env.fps: input should be a valid number"),
        ("--env.control_time_s=", "env.control_time_s: input should be a valid number"),
        ("--robot.cameras={a/../b: {}}", "robot.cameras.a/../b: "),
        (
            "--robot.cameras.front={index_or_path: &a [*a]}",
            "the alias *a stands in",
        ),
        ("--processor.step_size=" + "[" * 3000, "more than 50 blocks inside each other"),
        ("--seed=" + "9" * 5000, "a number of 5,000 digits"),
        ("--seed=2001-99-99", "seed: input should be a valid integer"),
        ("--seed=0x_", "seed: input should be a valid integer"),
        ("--robot.cameras={a: {}, a: {}}", "the key 'a' stands twice in one block"),
        ("--learner.batch_size=" + "x" * 5000, "learner.batch_size: input should be a valid integ"),
        ("--robot.type=" + "x" * 5000, "robot.type: got 'xxx"),
        ("--" + "x" * 5000, "unknown option --xxx"),
        ("--env." + "x" * 5000 + "=1", "env.xxx"),
    ],
)
def test_what_options_cannot_mean_is_one_short_line(option: str, message: str) -> None:
    line = refusal(option, default="so101_pick_lift")
    assert message in line
    assert len(line) < 1000


def test_many_faults_are_counted_not_listed(file: Any) -> None:
    line = refusal("--config_path", file("".join(f"key{n}: 1\n" for n in range(5000))))
    listed, more = line.count("unknown key"), line.rsplit("; and ", 1)[1]
    assert 1 <= listed <= 8
    assert more == f"{5000 - listed:,} more"
    assert len(line) < 1000


def test_several_faults_that_are_long_each_are_one_line_that_can_be_read(file: Any) -> None:
    faults = "".join(f"  nothing_like_it_{n}: 1\n" for n in range(3))
    line = refusal("--config_path", file(f"algorithm:\n{faults}seed: -1\n"))
    assert "algorithm.nothing_like_it_0: unknown key" in line
    assert line.endswith("; and 3 more")
    assert len(line) < 1000


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_file_of_another_editor_is_read(tmp_path: Path, coding: str) -> None:
    mine = tmp_path / "mine.yaml"
    text = "seed: 5\r\ndataset: {task: Würfel}\r\n"
    mine.write_bytes((("\ufeff" if coding == "utf-16-le" else "") + text).encode(coding))
    config = loaded("--config_path", str(mine))
    assert (config.seed, config.dataset.task) == (5, "Würfel")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    line = refusal("--config_path", str(tmp_path / "pipe"))
    assert line.endswith("pipe: not a YAML file: a pipe, not a file")


def test_home_is_meant_wherever_a_path_is_taken(
    file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file("output_dir: ~/runs\ndataset: {root: ~/data}\nlearner: {datasets: [~/a, {root: ~/b}]}\n")
    config = loaded("--config_path=~/mine.yaml")
    assert (config.output_dir, config.dataset.root) == (tmp_path / "runs", tmp_path / "data")
    assert [one.root for one in config.learner.datasets] == [tmp_path / "a", tmp_path / "b"]
    config = loaded("--output_dir=~/else", "--policy.vision_encoder_weights=~/w", *REAL)
    assert (config.output_dir, config.policy.vision_encoder_weights) == (
        tmp_path / "else",
        str(tmp_path / "w"),
    )
    assert loaded("--robot.port=~/arm", *REAL).robot.port == str(tmp_path / "arm")  # type: ignore[union-attr]
    assert "output_dir: ~nobody-here: no such user's home" in refusal("--output_dir=~nobody-here/x")
    assert refusal("--config_path=~nobody-here/x") == "~nobody-here: no such user's home"


def test_every_path_of_a_configuration_takes_home() -> None:
    """No model holds a bare Path, which would keep ``~`` as the name of a folder."""
    models, seen = [RunConfig, LearningConfig], set()
    while models:
        model = models.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, field in model.model_fields.items():
            models += models_in(field.annotation)
            if "Path" in str(field.annotation):
                expands = "expanded" in str(field.annotation) or "expanded" in str(field.metadata)
                assert expands, f"{model.__name__}.{name}"


def test_null_turns_optional_things_off() -> None:
    config = loaded(
        "--teleop=null",
        "--train.demonstrations=0",
        "--env.control_time_s=null",
        "--processor.gripper.penalty=null",
        "--processor.observation.joints=null",
        "--processor.observation.end_effector=null",
        "--algorithm.grad_clip_norm=null",
    )
    assert config.teleop is None
    assert config.env.control_time_s is config.env.time_limit is None
    assert config.processor.gripper.penalty is None
    assert config.processor.observation.joints is config.processor.observation.end_effector is None
    assert config.algorithm.grad_clip_norm is None


def test_a_turned_off_block_comes_back_with_its_type(file: Any) -> None:
    mine = file("teleop: null\ntrain: {demonstrations: 0}\n")
    config = loaded("--config_path", mine, "--teleop.type=scripted", "--teleop.noise=0.25")
    assert config.teleop == ScriptedTeleopConfig(noise=0.25)


def test_asking_for_help_is_off_until_one_of_its_options_is_given(file: Any) -> None:
    assert loaded().ask_for_help is None
    given = ("--ask_for_help.min_value=-0.5", "--ask_for_help.max_disagreement=0.25")
    more = ("--ask_for_help.ticks=7", "--ask_for_help.again_after=8")
    config = loaded(*given, *more, "--ask_for_help.after_updates=9")
    expected = HelpConfig(
        min_value=-0.5, max_disagreement=0.25, ticks=7, again_after=8, after_updates=9
    )
    assert config.ask_for_help == expected
    mine = file(dump(config))
    assert loaded("--config_path", mine) == config
    assert loaded("--config_path", mine, "--ask_for_help=null").ask_for_help is None
    one = loaded("--config_path", mine, "--ask_for_help.min_value=null").ask_for_help
    assert one == expected.model_copy(update={"min_value": None})
    mine = file("ask_for_help: null\n")
    config = loaded("--config_path", mine, "--ask_for_help.min_value=0.5")
    assert config.ask_for_help == HelpConfig(min_value=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ask_for_help.ticks=3"], "nothing would make it ask: set min_value or max_disagreem"),
        (
            ["--ask_for_help.max_disagreement=0.1", "--algorithm.num_critics=1"],
            "ask_for_help.max_disagreement: one critic always agrees with itself: set algorit",
        ),
        (
            ["--ask_for_help.min_value=0", "--teleop=null", "--train.demonstrations=0"],
            "ask_for_help: there is nobody to ask: set a teleop, or null",
        ),
        (["--ask_for_help.min_valu=1"], "ask_for_help.min_valu: unknown key (did you mean min_v"),
        (["--ask_for_help.min_value=0", "--ask_for_help.ticks=0"], "ask_for_help.ticks: input sh"),
        (["--ask_for_help.max_disagreement=-1"], "ask_for_help.max_disagreement: input should be"),
    ],
)
def test_help_that_could_not_be_asked_for_is_refused_in_one_line(
    options: list[str], message: str
) -> None:
    assert message in refusal(*options)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--env.fsp=3", "env.fsp: unknown key (did you mean fps?); available: fps, paced, "),
        ("--env.zzz=3", "env.zzz: unknown key; available: fps, paced, "),
        (
            "--robot.cameras.front.wdth=64",
            "robot.cameras.front.wdth: unknown key (did you mean width?); "
            "available: view, width, height",
        ),
        (
            "--robot.type=so102",
            "robot.type: got 'so102' (did you mean so101?), allowed: gymnasium, so100, ",
        ),
        ("--teleop.type=banana", "teleop.type: "),
        ("--env.fps=0", "env.fps: input should be greater than or equal to 1, got "),
        ("--env.fps=201", "env.fps: input should be less than or equal to 200, got "),
        ("--env.fps=nan", "env.fps: input should be a finite number"),
        ("--env.fps=fast", "env.fps: input should be a valid number"),
        ("--env.paced=maybe", "env.paced: input should be a valid boolean"),
        ("--env=5", "env: keys and values expected, got 5"),
        ("--learner.mode=x", "learner.mode: input should be 'background' or 'lockstep', got 'x'"),
        ("--processor.step_size=[0.1, 0.2]", "processor.step_size.2: field required"),
        ("--processor.bounds.min=[1, 1, 1]", "processor.bounds: each min must be below its max"),
        ("--processor.gripper.open=0", "processor.gripper: open and closed must differ"),
        ("--robot.cameras.front.width=4", "robot.cameras.front.width: input should be greater"),
        ("--robot.cameras.front.width=[", "robot.cameras.front.width: got '['"),
        ("--robot.cameras={front", "robot.cameras"),
        ("--policy.input_features=5", "policy.input_features"),
        ("--teleop=null", "config: train.demonstrations needs a teleop"),
        ("--bogus", "unknown option --bogus"),
        ("--fps=3", "unknown option --fps=3"),
        ("bogus", "unknown option bogus"),
        ("--env.fps", "--env.fps: expected one argument"),
        ("--config_pat=x", "unknown option --config_pat=x"),  # no abbreviations
        ("--env.fps=yes", "env.fps: input should be a valid number"),
        ("--robot={type: so101_sim, cameras: {a: {width: on}}}", "robot.cameras.a.width: input sh"),
        ("--env=null", "env: keys and values expected, got None"),
        ("--robot=so101", "robot: keys and values expected, got 'so101'"),
        ("--config_path=", "--config_path: no preset or file ''; presets: "),
        ("--config_path=nope", "--config_path: no preset or file 'nope'; presets: "),
        ("--config_path=/", "--config_path: no preset or file '/'; presets: "),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(option: str, message: str) -> None:
    assert message in refusal(option)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env: [1", "not a YAML file: "),
        ("- 1\n- 2\n", "expected keys and values at the top, got a list"),
        ("just words", "expected keys and values at the top, got a str"),
        ("1: 2", "1: "),
        (
            "robot: {type: so101, id: 7}",
            "robot.id: text expected, which is no number and no yes or no: put it in quotes, got 7",
        ),
        ("robot: {type: so101, id: yes}", "put it in quotes, got True"),
        (
            "robot: {type: so101, cameras: {front: {index_or_path: -1}}}",
            "robot.cameras.front.index_or_path: the number of a device (0, 1, …), a path or an "
            "address is expected, got -1",
        ),
        ("roobt: {}", "roobt: unknown key (did you mean robot?); available: robot, teleop, "),
        (
            "robot: {task: reach}",
            "robot.type: missing, allowed: gymnasium, so100, so100_sim, so101, ",
        ),
        ("robot: {type: so101_sim, tsk: reach}", "robot.tsk: unknown key (did you mean task?)"),
        (
            "env: {fps: 0}\nseed: -1",
            "env.fps: input should be greater than or equal to 1, got 0; seed: ",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    file: Any, text: str, message: str
) -> None:
    assert message in refusal("--config_path", file(text))


def test_a_binary_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.pt"
    path.write_bytes(b"\x80\x02}q\x00")
    assert f"{path}: not a YAML file: " in refusal("--config_path", str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused_in_one_line(file: Any) -> None:
    mine = file("seed: 1\n")
    Path(mine).chmod(0)
    assert f"cannot read {mine}: Permission denied" in refusal("--config_path", mine)


def test_an_empty_file_is_all_defaults(file: Any) -> None:
    assert loaded("--config_path", file("")) == RunConfig()


def test_recorded_datasets_are_folders_or_say_which_rows(file: Any) -> None:
    plain = OfflineDatasetConfig(root=Path("a/b"))
    assert loaded().learner.datasets == []
    assert loaded("--learner.datasets=a/b").learner.datasets == [plain]
    full = '{"root": "c", "only": "successes", "weight": 2.5}'
    config = loaded("--learner.datasets=a/b", f"--learner.datasets={full}")
    chosen = OfflineDatasetConfig(root=Path("c"), only="successes", weight=2.5)
    assert config.learner.datasets == [plain, chosen]
    assert validate(read(file(dump(config)))) == config
    mine = file("learner: {datasets: [a/b, {root: c, only: successes, weight: 2.5}]}")
    assert loaded("--config_path", mine).learner.datasets == [plain, chosen]
    assert loaded("--config_path", mine, "--learner.datasets=[]").learner.datasets == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{}", "learner.datasets.0.root: field required"),
        ('{"root": "a", "only": "mine"}', "learner.datasets.0.only: input should be 'all', 'inter"),
        ('{"root": "a", "weight": 0}', "learner.datasets.0.weight: input should be greater than 0"),
        ('{"root": "a", "wieght": 1}', "learner.datasets.0.wieght: unknown key (did you mean wei"),
    ],
)
def test_a_dataset_that_cannot_be_meant_is_refused(given: str, message: str) -> None:
    assert message in refusal(f"--learner.datasets={given}")


def test_a_crop_needs_its_camera() -> None:
    line = refusal("--robot.cameras.front.width=64", "--processor.images.crop.fornt=[0, 0, 9, 9]")
    assert "processor.images.crop.fornt: no such camera; cameras: front" in line


def test_an_image_size_needs_its_camera() -> None:
    line = refusal("--robot.cameras.front.width=64", "--policy.image_size.fornt=32")
    assert "policy.image_size.fornt: no such camera; cameras: front" in line


def test_an_image_size_is_a_number_or_one_by_camera() -> None:
    line = refusal("--policy.image_size=[32, 32]")
    assert "policy.image_size: must be 8 to 4096 pixels, or that by camera" in line


def test_feature_maps_are_not_to_be_lit() -> None:
    line = refusal("--learner.photometric={}", "--policy.freeze_vision_encoder=true")
    assert "learner.photometric: with policy.freeze_vision_encoder the replay buffer has" in line


def test_a_commands_own_options_come_back(file: Any) -> None:
    parser = Parser(prog="hil-app test")
    parser.add_argument("--run")
    mine = file("seed: 8\n")
    config, options = load(parser, ["--run", mine, "--env.fps=5"], lambda given: str(given.run))
    assert (config.seed, config.env.fps, options.run) == (8, 5, mine)


def help_on(capsys: pytest.CaptureFixture[str], *argv: str, default: str = "sim_pick_lift") -> str:
    """The words of a help page, one space apart."""
    with pytest.raises(SystemExit) as ended:
        loaded(*argv, default=default)
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_shows_what_matters_with_units_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_on(capsys, "--help")
    assert "env (all of it: --help=env): --env.fps=10.0 Control rate [Hz] " in shown
    assert "--config_path PRESET|FILE a preset (fetch_pick_and_place, " in shown
    assert "The values are those of sim_pick_lift; null turns an optional thing off." in shown
    assert "--ask_for_help.ticks" not in shown
    assert "JSON" not in shown
    assert "undefined" not in shown


def test_help_has_the_values_of_the_preset_and_of_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = help_on(capsys, "--help", "--config_path=so101_pick_lift", "--env.reset_time_s=7")
    for option in ("--env.fps=30.0", "--robot.type=so101 ", "--env.reset_time_s=7.0 "):
        assert option in shown
    assert "The values are those of so101_pick_lift, with your options on top;" in shown


@pytest.mark.parametrize("wrong", ["--robot.type=banana", "--config_path=nowhere", "--frob"])
def test_help_comes_whatever_else_is_wrong(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--robot.type=so101_sim" in help_on(capsys, "--help", wrong)


def test_a_topic_shows_all_of_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_on(capsys, "--help=robot")
    assert "robot.task: What the arm is to learn, " in shown
    assert "--robot.task.type=pick_lift The task's name: drawer, insert, pick_lift," in shown
    assert "--robot.cameras.NAME.width=128 Image width [px]" in shown
    assert "robot, with --robot.type=so100, so101: --robot.port=/dev/ttyACM0 " in shown
    assert "robot.safety, with --robot.type=so100, so101: What keeps the arm, " in shown
    assert "--env.fps" not in shown
    shown = help_on(capsys, "--help=robot", "--robot.type=so101")
    assert "robot, with --robot.type=so100_sim" not in shown
    assert shown.count("--robot.port=/dev/ttyACM0") == 1
    assert "--robot.max_speed" not in help_on(capsys, "--help=robot.task")


def test_all_options_are_shown_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_on(capsys, "--help=all")
    for option in ("env.fps=10.0", "teleop.follow_torque=30.0", "ask_for_help.ticks=10", "seed=0"):
        assert f"--{option} " in shown
    assert "ask_for_help, unless --ask_for_help=null: When the policy asks " in shown


def test_a_topic_that_is_unknown_has_the_topics_listed() -> None:
    with pytest.raises(ConfigError) as refused:
        loaded("--help=robto")
    known = ", ".join([*topics(), "all"])
    assert str(refused.value) == f"--help: no topic 'robto' (did you mean robot?); topics: {known}"


def test_every_option_of_a_real_arm_can_be_given_on_the_command_line() -> None:
    options = {
        "port": "/dev/ttyUSB7",
        "baud_rate": 115200,
        "id": "blue",
        "calibration_dir": Path("/arms"),
        "gripper_opens": "down",
        "joint_signs": (1, -1, 1, 1, -1),
        "joint_offsets": (1.0, 2.0, 3.0, 4.0, 5.0),
        "joint_limits": (
            (-1.0, 1.0),
            (-2.0, 2.0),
            (-3.0, 3.0),
            (-4.0, 4.0),
            (-5.0, 5.0),
            (6.0, 7.0),
        ),
        "max_relative_target": 7.5,
        "rest_pose": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        "disable_torque_on_disconnect": False,
        "p_coefficient": 8,
        "i_coefficient": 1,
        "d_coefficient": 16,
        "reset_pose": (6.0, 5.0, 4.0, 3.0, 2.0, 1.0),
    }
    safety = {
        "max_speed": 11.0,
        "max_grip": 12.0,
        "max_load": 13.0,
        "max_temperature": 14.0,
        "voltage": (1.5, 16.0),
        "stall_error": 17.0,
        "hold_s": 8.0,
        "back_off_s": 9.0,
        "patience_s": 1.25,
        "watchdog_s": 2.0,
        "let_down_s": 9.5,
        "deadman_s": 18.0,
    }
    fields = set(SO101Config.model_fields) - {"type", "safety", "cameras"}
    assert set(options) == fields
    assert set(safety) == set(SafetyConfig.model_fields)

    def text(value: Any) -> str:
        return (
            str(value).replace("(", "[").replace(")", "]")
            if isinstance(value, tuple)
            else str(value)
        )

    given = [f"--robot.{name}={text(value)}" for name, value in options.items()]
    given += [f"--robot.safety.{name}={text(value)}" for name, value in safety.items()]
    robot = loaded(*given, "--robot.cameras.top.index_or_path=2", default="so101_pick_lift").robot
    assert isinstance(robot, SO101Config)
    assert robot.model_dump(include=fields) == options
    assert robot.safety.model_dump() == safety
    assert robot.cameras["top"].index_or_path == 2


def test_what_a_real_arm_does_not_sense_is_observed_only_where_somebody_says_so() -> None:
    given = ("--robot.type=so101_follower", "--robot.port=/dev/ttyACM0")
    assert loaded(default="sim_teleoperate").processor.observation.object == "relative"
    real = loaded(*given, default="sim_teleoperate")
    assert real.processor.observation.object is None
    assert validate(yaml.safe_load(dump(real))) == real


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--env.paced=false", "env.paced: a real arm moves in real time: set it to true"),
        ("--learner.mode=lockstep", "learner.mode: a real arm cannot wait for updates"),
        ("--processor.observation.object=absolute", "a real arm does not sense it: set null"),
        (
            "--robot.joint_limits=[[0,1],[0,1],[0,1],[0,1],[0,1],[7,6]]",
            "robot.joint_limits.5: the lower end must be below the upper one",
        ),
        ("--robot.baud_rate=9600", "robot.baud_rate: input should be 1000000, 500000"),
        ("--robot.safety.patience_s=3", "robot.safety.patience_s: input should be less than"),
        ("--robot.safety.let_down_s=0.2", "robot.safety.let_down_s: input should be greater than"),
        ("--robot.safety.deadman_s=2", "robot.safety: the arm is held first (watchdog_s, 0.3), "),
        ("--robot.safety.let_down_s=5", "(let_down_s, 5), and last of all by another process"),
        ("--robot.safety.watchdog_s=2", "(deadman_s, 5): set times that rise in this order"),
        ("--env.fps=3", "robot.safety.watchdog_s: 0.3 s are over before the next tick"),
    ],
)
def test_what_a_real_arm_cannot_do_is_one_line(option: str, said: str) -> None:
    assert said in refusal(option, default="so100_pick_lift")


@pytest.mark.parametrize(
    ("preset", "option"),
    [
        ("sim_pick_lift_pixels", "--robot.cameras=null"),
        ("sim_pick_lift_pixels", "--processor.observation.images=false"),
        ("sim_pick_lift", "--processor.observation.object=null"),
        ("so101_pick_lift", "--robot.cameras={}"),
        ("so101_pick_lift", "--processor.observation.images=false"),
    ],
)
def test_a_policy_that_cannot_see_its_task_is_known(preset: str, option: str) -> None:
    config = loaded(option, default=preset)
    with pytest.raises(ConfigError, match="the policy would see the arm and not its task: name"):
        config.check_sight()


@pytest.mark.parametrize("preset", presets())
def test_the_policy_of_every_preset_sees_its_task(preset: str) -> None:
    loaded(default=preset).check_sight()


def test_a_run_of_another_version_is_named_with_what_to_do(file: Any) -> None:
    saved = file(dump(RunConfig()).replace("learner:\n", "learner:\n  bc_warmup: 3\n"))
    with pytest.raises(ConfigError) as caught:
        load(Parser(prog="test"), ["--seed=3"], lambda _: saved)
    line = str(caught.value)
    assert line.startswith(f"{saved}: learner.bc_warmup: unknown key; available: mode, ")
    assert line.endswith("or use the version that wrote it")
    assert f"{saved}: learner.bc_warmup: unknown key" in refusal("--config_path", saved)
    assert "seed: input should be" in refusal("--config_path", file("env: {fps: 5}"), "--seed=x")


def test_what_an_option_mends_is_no_fault_of_the_file(file: Any) -> None:
    mine = file("teleop: null\n")
    assert loaded("--config_path", mine, "--train.demonstrations=0").teleop is None
