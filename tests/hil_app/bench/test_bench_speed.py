"""``hil-app bench learner|swap|replay``: what they print."""

import json
from importlib import import_module

import pytest

from configs.load import ConfigError
from hil_app.bench import learner
from hil_app.bench.commands import learner as command
from hil_app.bench.commands import loop, step, swap


@pytest.fixture
def small(monkeypatch):
    """One case with small networks."""
    tiny = learner.Case(policy={"latent_dim": 8, "hidden_dims": [8, 8]}, batch_size=16)
    cases = {"state, utd 1": tiny, "state, 128 wide, utd 2": tiny}
    monkeypatch.setattr(learner, "CASES", cases)
    monkeypatch.setattr("hil_app.bench.swap.CASES", cases)


@pytest.mark.usefixtures("small")
def test_learner_prints_ratios_to_the_plain_form(capsys):
    assert command.run(["--no-compile", "--no-images", "--rounds=3", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    case = result["cases"]["state, utd 1"]
    assert result["ratios"] == case["ratios"]
    times = case["ms"]
    assert set(times) == {"plain", "eager"}
    assert all(0 < t["min"] <= t["median"] <= t["max"] for t in times.values())
    ratio = times["plain"]["median"] / times["eager"]["median"]
    assert result["ratios"]["eager"] == pytest.approx(ratio, abs=0.01)


@pytest.mark.usefixtures("small")
def test_learner_times_the_cases_that_it_is_asked_for(capsys):
    assert command.run(["--no-compile", "--only=128 wide", "--rounds=2", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["cases"]) == ["state, 128 wide, utd 2"]
    with pytest.raises(ConfigError, match=r"--only: no case has 'wider' in its name; there are st"):
        command.run(["--only=wider"])


@pytest.mark.usefixtures("small")
def test_learner_on_another_device_has_our_forms_alone(capsys):
    """What is the same there and here, as there is no GPU."""
    case = learner.on_device(learner.Case(policy={"latent_dim": 8}, batch_size=4), 2, False, "cpu")
    assert set(case["ms"]) == {"eager", "drawn from a buffer"}
    assert set(case["ratios"]) == {"drawn from a buffer"}
    with pytest.raises(ConfigError, match=r"--learner\.device: cannot compute on 'cuda:99'"):
        command.run(["--learner.device=cuda:99"])
    assert capsys.readouterr().out == ""


def test_learner_times_images_of_the_size_that_the_case_says(monkeypatch, capsys):
    sizes = {"latent_dim": 8, "hidden_dims": [8], "image_encoder_hidden_dim": 4}
    tiny = learner.Case(policy=sizes, batch_size=2, side=16)
    monkeypatch.setattr(learner, "TRAINED", {"two cameras of 16 px": tiny})
    features = learner.make_policy(tiny).config.input_features
    assert [f.shape for f in features.values() if len(f.shape) == 3] == [(3, 16, 16)] * 2
    assert command.run(["--only=16 px", "--rounds=2", "--json"]) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"].values()
    assert set(case["ms"]) == {"plain", "eager"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("what", ["learner", "swap", "replay"])
def test_tables_have_a_row_each(capsys, what):
    quick = {"learner": ["--no-compile", "--no-images"], "replay": ["--batch_size=4"]}
    command = import_module(f"hil_app.bench.commands.{what}")
    assert command.run(["--rounds=2", *quick.get(what, [])]) == 0
    printed = capsys.readouterr().out
    rows = {"learner": "eager", "swap": "take", "replay": "random shift"}
    assert rows[what] in printed


@pytest.mark.usefixtures("small")
def test_swap_takes_what_its_parts_take(capsys):
    assert swap.run(["--rounds=20", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["256 wide"]
    assert set(parts) == {"copy", "publish", "take", "all"}
    assert parts["all"]["p50"] >= max(parts["copy"]["p50"], parts["take"]["p50"])


def test_a_count_below_one_is_refused():
    with pytest.raises(ConfigError, match="--rounds"):
        swap.run(["--rounds=0"])


@pytest.mark.parametrize(
    ("command", "option", "said"),
    [
        (step, "--ticks=0", "--ticks: must be at least 1, got 0"),
        (loop, "--turns=0", "--turns: must be at least 1, got 0"),
        (loop, "--seconds=nan", "--seconds: must be above 0 and finite, got nan"),
        (loop, "--seconds=-3", "--seconds: must be above 0 and finite, got -3"),
    ],
)
def test_what_has_no_ticks_is_refused(command, option, said):
    with pytest.raises(ConfigError, match=said):
        command.run([option])
