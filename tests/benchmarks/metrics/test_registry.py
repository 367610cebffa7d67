from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import InputError, MetricError
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.registry import BUILT_IN, is_classification, make_metric
from benchmarks.metrics.scoring import score_row

Row = Callable[[str], Example]

OWN = '''
from dataclasses import dataclass
from benchmarks.metrics.exact_match import ExactMatch

def overlap(answer, expected, *, minimum: float = 0.0, labels=()):
    """The share of expected words that occur."""
    words = expected.split()
    share = sum(word in answer for word in words) / len(words)
    return share if share >= minimum else 0.0

def strict(*, case_sensitive: bool = True):
    return ExactMatch(case_sensitive=case_sensitive)

def nothing():
    return 7

def three(a, b, c):
    return 0

CONSTANT = 3
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of own metrics in the current directory."""
    name = f"own_metrics_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return name


def test_an_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    with pytest.raises(MetricError, match=r"no metric 'acuracy'. Did you mean 'accuracy'\?") as caught:
        make_metric("acuracy", {}, ())
    assert all(name in str(caught.value) for name in BUILT_IN)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("numeric", {"tolerence": 1}, "'numeric' has no option 'tolerence'. Did you mean 'tolerance'"),
        ("numeric", {"tolerence": 1}, "Its options: extract, relative_tolerance, tolerance."),
        ("numeric", {"tolerance": "1"}, "'tolerance' of the metric 'numeric' must be a number; got '1'"),
        ("numeric", {"tolerance": True}, "must be a number; got True"),
        ("exact_match", {"normalise": "no"}, "'normalise' .* must be true or false"),
        ("exact_match", {"extract": "words"}, "'extract' .* must be one of text, line, label, mention, number, json"),
        ("regex", {"pattern": 7}, "'pattern' .* must be text"),
        ("json_match", {"fields": "team"}, "'fields' .* must be a list"),
        ("json_match", {"fields": [1]}, "'fields' .* must be a list"),
        ("json_match", {"schema": "object"}, "'schema' .* must be a mapping"),
        ("accuracy", {"labels": ["a"]}, "'accuracy' has no option 'labels'"),
    ],
)
def test_options_that_do_not_fit_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        make_metric(name, options, ("a", "b"))


def test_extract_overrides_how_a_metric_reads_replies() -> None:
    metric = make_metric("accuracy", {"extract": "mention"}, ("billing", "orders"))
    assert metric.extractor.extract("It is billing.", ReplyFormat()) == "billing"


def test_classification_metrics_are_known_by_name() -> None:
    assert {name for name in BUILT_IN if is_classification(name)} == {"accuracy", "macro_f1"}
    assert not is_classification("own.py:overlap")


@pytest.mark.parametrize("form", ["{}:overlap", "{}.py:overlap"])
def test_an_own_function_becomes_a_metric(form: str, own: str, row: Row) -> None:
    before = list(sys.path)
    metric = make_metric(form.format(own), {"minimum": 0.4, "extract": "line"}, ("x",), allow_code=True)
    assert score_row(metric, "one", row("one two")) == 0.5
    assert score_row(metric, "one", row("one two three")) == 0
    assert metric.extractor.extract("first\nsecond", ReplyFormat()) == "first"
    assert sys.path == before


def test_an_own_factory_is_given_its_options(own: str, row: Row) -> None:
    assert score_row(make_metric(f"{own}:strict", {}, (), allow_code=True), "a", row("A")) == 0
    relaxed = make_metric(f"{own}:strict", {"case_sensitive": False}, (), allow_code=True)
    assert score_row(relaxed, "a", row("A")) == 1


@pytest.mark.parametrize(
    ("attribute", "options", "message"),
    [
        ("overlap", {"minimun": 1}, "no option 'minimun'. Did you mean 'minimum'? Its options: extract, minimum"),
        ("overlap", {"minimum": "x"}, "must be a number"),
        ("strict", {"extract": "text"}, "no option 'extract'"),
        ("overlapp", {}, "has no 'overlapp'. Did you mean 'overlap'"),
        ("nothing", {}, "returned 7, which is no Metric: it lacks name"),
        ("three", {}, "must take two positional parameters"),
        ("CONSTANT", {}, "neither a function nor a factory but 3"),
        ("", {}, "names no code"),
    ],
)
def test_an_own_metric_that_does_not_fit_is_explained(
    attribute: str, options: dict[str, object], message: str, own: str
) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        make_metric(f"{own}.py:{attribute}", options, (), allow_code=True)


def test_own_code_that_cannot_be_loaded_is_explained(own: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    for reference, message in [
        ("broken.py:f", "'broken.py:f' could not be loaded: SyntaxError"),
        ("missing_module:f", "could not be loaded: ModuleNotFoundError"),
        ("missing.py:f", "There is no file 'missing.py'"),
    ]:
        with pytest.raises(InputError, match=message):
            make_metric(reference, {}, (), allow_code=True)


def test_code_is_not_loaded_unless_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MetricError, match="is code, which is not run from here"):
        make_metric("trap.py:f", {}, ())


def test_installed_entry_points_are_metrics_by_name(own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "own-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        f"[whet.metrics]\noverlap = {own}:overlap\naccuracy = {own}:overlap\nlost = {own}:lost\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert make_metric("overlap", {"minimum": 0.5}, ()).name == "overlap"
    assert make_metric("accuracy", {}, ("a",)).binary, "an installed metric cannot take a built-in's name"
    with pytest.raises(MetricError, match="Did you mean 'overlap'"):
        make_metric("overlab", {}, ())
    with pytest.raises(MetricError, match=r"The installed metric 'lost' .* could not be loaded: AttributeError"):
        make_metric("lost", {}, ())
