"""Configurations: laws that hold for every configuration of the package and of the recipes."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from recipes.ablation import variant_names, variant_table
from recipes.quantizers.config import Variant
from speechvq.config import override, parse, read, read_toml, require, to_dict
from speechvq.data.augment import Augmentation
from speechvq.errors import ConfigError
from speechvq.losses.discriminators import DiscriminatorsConfig
from speechvq.train.codec.config import DataConfig, Experiment, OptimConfig
from speechvq.train.prior.loop import PriorExperiment
from tests.helpers.paths import ROOT


@dataclass(frozen=True)
class Circle:
    kind: Literal["circle"] = "circle"
    radius: float = 1.0

    def __post_init__(self) -> None:
        require(self.radius > 0, f"radius must be positive, not {self.radius}")


@dataclass(frozen=True)
class Square:
    kind: Literal["square"] = "square"
    side: int = 1
    fill: Literal["none", "solid"] = "none"


@dataclass(frozen=True)
class Panel:
    shape: Circle | Square
    size: int
    title: str | None = None


@dataclass(frozen=True)
class Drawing:
    panels: tuple[Panel, ...]
    weights: dict[str, float] = field(default_factory=dict)
    frame: Circle | Square | None = None
    grid: bool = False


DRAWING: dict[str, Any] = {
    "panels": [
        {"shape": {"kind": "circle", "radius": 2}, "size": 3},
        {"shape": {"kind": "square", "side": 4}, "size": 5, "title": "b"},
    ],
    "weights": {"line": 1},
}


def test_parse_builds_nested_dataclasses_and_chooses_the_member_of_a_union_by_its_kind():
    drawing = parse(Drawing, DRAWING)
    assert drawing.panels[0] == Panel(Circle(radius=2.0), 3)
    assert drawing.panels[1] == Panel(Square(side=4), 5, "b")
    assert drawing.weights == {"line": 1.0}
    assert isinstance(drawing.weights["line"], float)
    assert parse(Drawing, to_dict(drawing)) == drawing
    framed = parse(Drawing, DRAWING | {"frame": {"kind": "square"}})
    assert framed.frame == Square()
    assert parse(Drawing, to_dict(framed)) == framed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("panels[1].shape.radius", 3,
         'panels[1].shape.radius is no option of kind "square"; its options are side, fill'),
        ("panels[0].shape.radius", -1, "panels[0].shape.radius must be positive, not -1.0"),
        ("panels[0].shape.radius", "x", 'panels[0].shape.radius must be a number, not "x"'),
        ("panels[0].shape.kind", "star",
         'panels[0].shape.kind must be one of "circle", "square", not "star"'),
        ("panels[0].shape", {}, "panels[0].shape.kind is missing"),
        ("panels[0].shape", "circle",
         'panels[0].shape must be a table; write it as shape = { kind = "circle", ... }'),
        ("panels[0].shape", 3, "panels[0].shape must be a table, not 3"),
        ("panels[1].shape.fill", "red",
         'panels[1].shape.fill must be one of "none", "solid", not "red"'),
        ("panels[0].size", True, "panels[0].size must be a whole number, not True"),
        ("panels[0].sise", 1,
         "panels[0].sise is not a known key; the keys here are shape, size, title"),
        ("panels[0]", {"size": 1}, "panels[0].shape is missing"),
        ("panels", 3, "panels must be a list, each item a table, not 3"),
        ("weights.line", "thick", 'weights.line must be a number, not "thick"'),
        ("frame", "circle", 'frame must be a table; write it as frame = { kind = "circle"'),
        ("grid", 1, "grid must be true or false, not 1"),
    ],
)  # fmt: skip
def test_every_message_begins_with_the_full_path_of_the_field(path, value, message):
    with pytest.raises(ConfigError) as refused:
        parse(Drawing, override(DRAWING, {path: value}))
    assert str(refused.value).startswith(message)
    with pytest.raises(ConfigError) as refused:
        parse(Drawing, override(DRAWING, {path: value}), "figure")
    assert str(refused.value).startswith(f"figure.{message.split(' ')[0]}")


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    path = tmp_path / "drawing.toml"
    with pytest.raises(ConfigError, match=r"there is no configuration .*drawing\.toml"):
        read(Drawing, path)
    path.write_text("panels =")
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*drawing\.toml"):
        read(Drawing, path)
    path.write_text("panels = 3")
    with pytest.raises(ConfigError, match=r"drawing\.toml: panels must be a list"):
        read(Drawing, path)
    path.write_text("panels = []\ngrid = true")
    assert read(Drawing, path) == Drawing((), grid=True)


def test_overrides_change_one_item_or_all_of_them_or_add_one():
    before = to_dict(parse(Drawing, DRAWING))
    changed = override(before, {
        "panels[1].size": 7,
        "panels.title": "c",
        "panels[2]": {"shape": {"kind": "square"}, "size": 1},
        "frame.kind": "circle",
    })  # fmt: skip
    drawing = parse(Drawing, changed)
    assert [panel.size for panel in drawing.panels] == [3, 7, 1]
    assert [panel.title for panel in drawing.panels] == ["c", "c", None]
    assert drawing.frame == Circle()
    assert before == to_dict(parse(Drawing, DRAWING))  # the original is left alone
    for path in ("panels[5].size", "grid.x", "weights[0]"):
        with pytest.raises(ConfigError, match="names nothing that can be changed"):
            override(before, {path: 1})


# every configuration there is


def modules(package: str) -> list[str]:
    """The importable modules of a package that call `require` or hold configurations."""
    folder = ROOT / package
    names = [name for _, name, _ in pkgutil.walk_packages([str(folder)], f"{package}.")]
    return [
        name
        for name in names
        if (path := ROOT / f"{name.replace('.', '/')}.py").exists()
        and "speechvq.config" in path.read_text(encoding="utf-8")
    ]


def configurations() -> list[type]:
    """Every frozen dataclass of those modules that has a `Config` in its name or refuses values."""
    classes = {}
    for name in [*modules("speechvq"), *modules("recipes")]:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue  # an optional package is not installed
        for value in vars(module).values():
            if not isinstance(value, type) or value.__module__ != name or inspect.isabstract(value):
                continue
            refuses = "Config" in value.__name__ or "__post_init__" in vars(value)
            if dataclasses.is_dataclass(value) and refuses:
                classes[f"{name}.{value.__name__}"] = value
    return [classes[name] for name in sorted(classes)]


def complete(cls: type) -> dict[str, Any] | None:
    """The least table that builds `cls`: {} where every field has a default, else None."""
    needed = [
        item
        for item in dataclasses.fields(cls)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    return None if needed else {}


@pytest.mark.parametrize("cls", configurations(), ids=lambda cls: cls.__name__)
def test_a_configuration_refuses_unknown_keys_and_survives_the_round_trip(cls):
    with pytest.raises(ConfigError, match=r"^a\.b\.surely_not "):
        parse(cls, {"surely_not": 1}, "a.b")
    with pytest.raises(ConfigError, match=r"^a\.b must be a table"):
        parse(cls, 3, "a.b")
    if complete(cls) is None:
        with pytest.raises(ConfigError, match=r"^a\.b\.\w+ is missing"):
            parse(cls, {}, "a.b")
        return
    assert parse(cls, to_dict(parse(cls, {}))) == parse(cls, {})
    for item in dataclasses.fields(cls):
        with pytest.raises(ConfigError, match=rf"^a\.b\.{item.name} "):
            parse(cls, {item.name: object()}, "a.b")


def test_there_are_configurations_of_every_part():
    names = {cls.__name__ for cls in configurations()}
    assert names > {"CodecConfig", "LevelConfig", "StageConfig", "MelConfig", "PriorConfig"}


@pytest.mark.parametrize("name", ["speechvq", "recipes"])
def test_what_a_dataclass_refuses_begins_with_the_name_of_its_field(name):
    """`parse` puts the path before the message, so that its first word must be a field."""
    for module in modules(name):
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        for cls in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            fields = {
                item.target.id
                for item in cls.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            }
            for word in first_words(cls):
                assert word in fields | {"{name}"}, f"{module}.{cls.name}: {word!r}"


def first_words(cls: ast.ClassDef) -> list[str]:
    """The first word of every message given to `require`; "{name}" in a loop over names."""
    words = []
    for node in ast.walk(cls):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
            text = ast.unparse(node.args[1]).lstrip("f").strip("'\"")
            words.append(text.split()[0].split(".")[0].split("[")[0].rstrip(":,"))
    return words


def shipped() -> list[tuple[type, dict[str, Any]]]:
    """Every configuration that a recipe ships, as its class and its table."""
    recipes = ROOT / "recipes"
    study, quantizers = recipes / "default" / "study.toml", recipes / "quantizers" / "study.toml"
    return [
        *((Experiment, read_toml(path)) for path in sorted((recipes / "default").glob("base*"))),
        *((Experiment, variant_table(study, name)) for name in variant_names(study)),
        *((Variant, variant_table(quantizers, name)) for name in variant_names(quantizers)),
        (PriorExperiment, read_toml(recipes / "prior" / "prior.toml")),
    ]


def test_configurations_of_recipes_survive_the_round_trip_and_refuse_what_they_do_not_know():
    """A key too many, at every depth, is refused with its full path."""
    for cls, table in shipped():
        config = parse(cls, table)
        plain = to_dict(config)
        assert parse(cls, plain) == config
        for path in tables(plain):
            with pytest.raises(ConfigError, match=rf"^{re.escape(path)}surely_not "):
                parse(cls, override(plain, {f"{path}surely_not": 1}))


def tables(value: Any, path: str = "") -> list[str]:
    """The paths of all tables within a table, but for tables with free keys, each with its dot."""
    if isinstance(value, list):
        return [p for i, item in enumerate(value) for p in tables(item, f"{path[:-1]}[{i}].")]
    if not isinstance(value, dict) or path == "weights.":
        return []
    return [path, *(p for key, item in value.items() for p in tables(item, f"{path}{key}."))]


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (OptimConfig, {"steps": 1, "betas": (0.5,) * 300}),
        (OptimConfig, {"steps": 1, "temperature": (0.5,) * 300}),
        (DataConfig, {"manifest": "a", "gain_db": (0.5,) * 300}),
        (Augmentation, {"noise_db": (0.5,) * 300}),
        (DiscriminatorsConfig, {"windows": (1,) * 300}),
        (DiscriminatorsConfig, {"windows": (), "periods": (1,) * 300}),
    ],
    ids=lambda value: next(reversed(value)) if isinstance(value, dict) else value.__name__,
)
def test_long_lists_are_refused_in_short(cls, values):
    with pytest.raises(ConfigError) as caught:
        cls(**values)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("key", ["a\nb", "\u202eabc", "\x1b[2J", "x" * 1000])
def test_keys_of_any_content_are_refused_in_a_plain_line(key):
    default = read_toml(ROOT / "recipes" / "default" / "base5.toml")
    for values in (default | {"weights": {key: 1.0}}, default | {key: 1.0}):
        with pytest.raises(ConfigError) as caught:
            parse(Experiment, values)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300
