"""What holds for every config model: described, strict, frozen but for the learning contract's."""

import typing
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from configs.base import Changeable, Config, MutableConfig
from configs.classifier import SuccessClassifierConfig
from configs.env import EnvConfig
from configs.learning.learner import OfflineDatasetConfig
from configs.processor import ImageConfig
from configs.run import RunConfig
from configs.teleop import LeaderJointsConfig, LeaderTargetConfig, LeaderTipConfig


def held(annotation: object) -> Iterator[type[BaseModel]]:
    """Every model that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from held(inner)


def models(root: type[BaseModel]) -> set[type[BaseModel]]:
    found = {root}
    for field in root.model_fields.values():
        for model in held(field.annotation):
            found |= models(model)
    return found


MODELS = sorted(models(RunConfig), key=lambda model: model.__name__)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def test_the_walk_finds_the_models() -> None:
    names = {model.__name__ for model in MODELS}
    assert {"RunConfig", "SO100SimConfig", "SimCameraConfig", "InterventionConfig"} <= names
    assert {"BoundsConfig", "SACAlgorithmConfig", "TrainConfig"} <= names


@each_model
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert model.model_fields
    bare = [name for name, field in model.model_fields.items() if not field.description]
    assert bare == []


LEADER_STEPS = LeaderTipConfig, LeaderJointsConfig, LeaderTargetConfig
NAMED = {OfflineDatasetConfig: {"root": "data/lift"}, SuccessClassifierConfig: {"checkpoint": "c"}}
NAMED |= {model: {"before": "gripper"} for model in LEADER_STEPS}
"""What has to be named, of models that stand in no config by default."""


def usual(model: type[BaseModel]) -> BaseModel:
    return model.model_validate(NAMED.get(model, {}))


@each_model
def test_every_model_has_working_defaults(model: type[BaseModel]) -> None:
    assert model.model_validate(usual(model).model_dump()) == usual(model)


@each_model
def test_every_model_refuses_unknown_keys(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model.model_validate({"no_such_key": 1})


@each_model
def test_every_model_is_frozen(model: type[BaseModel]) -> None:
    assert issubclass(model, Config)
    config = usual(model)
    name = next(iter(model.model_fields))
    if issubclass(model, MutableConfig):
        setattr(config, name, getattr(config, name))
        return
    with pytest.raises(ValidationError, match="frozen"):
        setattr(config, name, getattr(config, name))


@pytest.mark.parametrize(
    ("seconds", "fps", "ticks"),
    [(10, 10, 100), (10, 30, 300), (0.25, 10, 2), (0.33, 10, 3), (0.001, 10, 1), (None, 10, None)],
)
def test_the_time_limit_in_ticks(seconds: float | None, fps: float, ticks: int | None) -> None:
    assert EnvConfig(control_time_s=seconds, fps=fps).time_limit == ticks


@pytest.mark.parametrize(
    "region",
    [
        (-1, 0, 5, 5),
        (0, -1, 5, 5),
        (0, 0, 0, 5),
        (0, 0, 5, 0),
        (0.5, 0, 0.6, 1),
        (0, 0.1, 1, 1),
        (0.5, 0, 32, 32),
    ],
)
def test_a_crop_lies_inside_its_image(region: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValidationError, match="crop"):
        ImageConfig(crop={"front": region})


shares = st.floats(0, 0.999)


@given(top=shares, left=shares, height=st.integers(8, 4096), width=st.integers(8, 4096))
def test_a_crop_in_shares_lies_in_an_image_of_any_size(
    top: float, left: float, height: int, width: int
) -> None:
    rest = (top, left, 1 - top, 1 - left)
    config = ImageConfig(crop={"front": rest, "wrist": (3, 0, 2, 2)})
    found = config.regions({"front": (height, width), "wrist": (9, 9)})
    y, x, high, wide = found["front"]
    assert found["wrist"] == (3, 0, 2, 2)
    assert (y, x) == (min(round(top * height), height - 1), min(round(left * width), width - 1))
    assert high >= 1
    assert wide >= 1
    assert (y + high, x + wide) == (height, width)


def numbers(
    annotation: object, place: tuple[str | int, ...], kinds: tuple[type, ...]
) -> Iterator[tuple[str | int, ...]]:
    """Where numbers of these kinds stand in a value of this type, below ``place``."""
    inner = typing.get_args(annotation)
    if annotation in kinds:
        yield place
    elif typing.get_origin(annotation) is tuple and Ellipsis not in inner:
        for index, kind in enumerate(inner):
            yield from numbers(kind, (*place, index), kinds)
    elif typing.get_origin(annotation) is dict:
        yield from numbers(inner[1], (*place, "any"), kinds)
    else:
        for kind in inner:
            yield from numbers(kind, place, kinds)


def nested(keys: tuple[str | int, ...], value: object) -> object:
    """``value`` at the end of ``keys``; a tuple's other elements are 0."""
    for key in reversed(keys):
        value = [0.0] * key + [value] if isinstance(key, int) else {key: value}
    return value


def places(*kinds: type) -> list[typing.Any]:
    return [
        pytest.param(model, place, id=f"{model.__name__}.{'.'.join(map(str, place))}")
        for model in MODELS
        for name, field in model.model_fields.items()
        for place in numbers(field.annotation, (name,), kinds)
    ]


def refused(model: type[BaseModel], place: tuple[str | int, ...], value: object) -> bool:
    """Whether the model has a fault to tell at that very place, or of the whole field."""
    try:
        model.model_validate(nested(place, value))
    except ValidationError as error:
        told = [one["loc"] for one in error.errors()]
        return any(loc[: len(place)] == place or loc == place[:1] for loc in told)
    return False


@pytest.mark.parametrize(("model", "place"), places(float))
def test_no_number_may_be_anything_but_finite(model: type[BaseModel], place: typing.Any) -> None:
    for value in (float("nan"), float("inf"), float("-inf"), "nan", "-Infinity", "1e999"):
        assert refused(model, place, value), value


@pytest.mark.parametrize(("model", "place"), places(float, int))
def test_no_number_may_be_true_or_false(model: type[BaseModel], place: typing.Any) -> None:
    for value in (True, False):
        assert refused(model, place, value)


@each_model
def test_faults_are_known_by_names_that_an_operator_knows(model: type[BaseModel]) -> None:
    for field in model.model_fields:
        for value in (None, True, -1, 1.5, 10**30, "", "x", [], [[]], {}, {"": 0}, {"a": None}):
            try:
                model.model_validate({field: value})
            except ValidationError as error:
                for fault in error.errors():
                    reported = [str(part) for part in fault["loc"]] + [fault["msg"]]
                    assert not any("function-" in text or " at 0x" in text for text in reported), (
                        reported
                    )


def test_what_takes_up_memory_has_an_end() -> None:
    sizes = {
        "algorithm": ["num_critics", "utd_ratio"],
        "learner": ["batch_size", "online_capacity", "offline_capacity", "prefetch", "queue_size"],
        "policy": ["latent_dim", "hidden_dims", "image_encoder_hidden_dim"],
        "dataset": ["max_waiting"],
    }
    for block, fields in sizes.items():
        model = type(getattr(RunConfig(), block))
        for field in fields:
            place = (field, 0) if field == "hidden_dims" else (field,)
            assert refused(model, place, 10**12), field


def test_a_field_says_itself_whether_a_run_that_goes_on_may_change_it() -> None:
    class Inner(Config):
        speed: Changeable[float] = 1.0
        size: int = 3

    class Outer(Config):
        inner: Inner = Inner()
        free: Changeable[Inner | None] = None

    outer = Outer(free=Inner())
    assert outer.may_change(["inner", "speed"])
    assert outer.may_change(["free", "size"])  # as all of that block
    assert not outer.may_change(["inner", "size"])
    assert not outer.may_change(["inner"])
    assert not outer.may_change(["elsewhere", "size"])
    with pytest.raises(ValidationError):
        Inner(speed=True)  # it is a number all the same
