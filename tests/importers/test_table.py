"""What is exported and imported again is the same, bit by bit; a foreign table is read or refused as a whole."""

import math
import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.importers import Table, TrialRow, plain_metric, read_metric, read_table, table_text
from physai_inverse.importers.cells import guard, unguard
from physai_inverse.importers.forms import read_scalar, scalar_text
from physai_inverse.observations import Curve, Measurement, Metric, Observation, TrialState
from physai_inverse.space import Choice, Float, Integer, Shares, Space
from tests import strategies

SPACE = Space(lr=Float(1e-5, 1.0, log=True), width=Integer(8, 128), optimizer=Choice(["sgd", "adamw"]))
numbers = st.floats()
steps = st.lists(st.integers(0, 10**6), min_size=1, max_size=4, unique=True).map(sorted)
curves = steps.flatmap(
    lambda found: st.lists(numbers, min_size=len(found), max_size=len(found)).map(
        lambda values: Curve(tuple(found), tuple(values))
    )
)
measurements = st.builds(
    Measurement,
    numbers,
    st.none() | st.floats(0, 1e300),
    st.sampled_from([None, "above", "below"]),
).filter(lambda found: found.standard_error is not None or found.censored is not None)
names = st.text("abz_:=@- é'\"", min_size=1, max_size=6).filter(lambda name: name.strip() == name)
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "  =x", "\n=x", "'=x", "''+", "\uff1dx"]


def bits(metric: Metric) -> object:
    """A metric as something that is equal when all its bits are."""
    if isinstance(metric, Curve):
        return (metric.steps, tuple(struct.pack(">d", value) for value in metric.values))
    if isinstance(metric, Measurement):
        return (struct.pack(">d", metric.value), metric.standard_error, metric.censored)
    return struct.pack(">d", metric)


def same(first: Observation, second: Observation) -> bool:
    return (
        {name: bits(metric) for name, metric in first.metrics.items()}
        == {name: bits(metric) for name, metric in second.metrics.items()}
        and replace(first, metrics={}, number=-1) == replace(second, metrics={}, number=-1)
        and [repr(value) for value in first.config.values()] == [repr(value) for value in second.config.values()]
    )


@st.composite
def trainings(draw: st.DrawFn, metric: st.SearchStrategy[Metric]) -> tuple[Space, list[TrialRow]]:
    space = draw(strategies.spaces(4))
    configs = space.sample(draw(st.integers(1, 3)), seed=draw(st.integers(0, 100)))
    rows = []
    for number, config in enumerate(configs):
        state = draw(st.sampled_from([TrialState.DONE, TrialState.STOPPED_EARLY, TrialState.DIVERGED]))
        metrics = draw(st.dictionaries(names, metric, min_size=1, max_size=3))
        observation = Observation(
            config=space.check(config, constraints=False),
            metrics=metrics,
            state=state,
            seed=draw(st.none() | st.integers(0, 2**63 - 1)),
            seconds=draw(st.none() | st.floats(0, 1e300)),
            reason=draw(texts),
            kind="diverged" if state.bad else None,
            number=number,
        )
        rows.append(TrialRow(observation, "suggested"))
    return space, rows


def round_trip(folder: Path, space: Space, rows: list[TrialRow], form: str) -> Table:
    path = folder / f"table.{form}"
    path.write_bytes(table_text(rows, space, form).encode())
    return read_table(path, space)


@pytest.mark.parametrize("reason", ["\r", "a\rb", "\n", "a\r\nb", '"', ",", "'", "é\u2028b", *FORMULAS])
def test_any_text_comes_back_from_csv(tmp_path: Path, reason: str) -> None:
    seen = Observation({"lr": 0.1, "width": 8, "optimizer": "sgd"}, {"loss": 1.0}, reason=reason, number=0)
    assert round_trip(tmp_path, SPACE, [TrialRow(seen)], "csv").observations == (replace(seen, number=-1),)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trainings(numbers | measurements))
def test_csv_comes_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Space, list[TrialRow]]
) -> None:
    space, rows = drawn
    table = round_trip(tmp_path_factory.getbasetemp(), space, rows, "csv")
    assert table.problems == ()
    assert all(same(row.observation, read) for row, read in zip(rows, table.observations, strict=True))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trainings(numbers | measurements | curves))
def test_json_lines_come_back_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Space, list[TrialRow]]
) -> None:
    space, rows = drawn
    table = round_trip(tmp_path_factory.getbasetemp(), space, rows, "jsonl")
    assert table.problems == ()
    assert all(same(row.observation, read) for row, read in zip(rows, table.observations, strict=True))


@given(numbers | measurements | curves)
def test_a_metric_comes_back_from_json(metric: Metric) -> None:
    import json

    text = json.dumps(plain_metric(metric), allow_nan=False)
    assert bits(read_metric(json.loads(text), "m")) == bits(metric)


@given(strategies.lists, st.data())
def test_a_value_comes_back_from_text(listed: list[int | float | str], data: st.DataObject) -> None:
    parameter = Choice(listed)
    value = data.draw(st.sampled_from(listed))
    read = read_scalar(parameter, scalar_text(parameter, value))
    assert read == value
    assert type(read) is type(value)


@given(st.text())
def test_a_guarded_text_comes_back(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_cell_is_a_formula(text: str) -> None:
    assert guard(text) == "'" + text


def test_no_cell_of_a_csv_is_a_formula_and_numbers_are_untouched() -> None:
    import csv
    import io

    space = Space({"=x": Choice(["=cmd|1", "-2"]), "y": Float(-2.0, 1.0)})
    rows = [
        TrialRow(Observation({"=x": "=cmd|1", "y": -1.5}, {"@m": -0.5}, reason="=HYPERLINK()"), "+origin"),
        TrialRow(Observation({"=x": "-2", "y": 0.5}, {"@m": math.inf}), "ok"),
    ]
    found = list(csv.reader(io.StringIO(table_text(rows, space, "csv"))))
    assert found[0] == [
        *["number", "state", "seed", "seconds", "reason", "kind", "origin"],
        "'=x",
        "y",
        "metric:@m",
    ]
    assert found[1] == ["-1", "done", "", "", "'=HYPERLINK()", "", "'+origin", "'=cmd|1", "-1.5", "-0.5"]
    assert found[2][-3:] == ["'-2", "0.5", "inf"]


def write(folder: Path, text: str, name: str = "runs.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_foreign_table_is_read_by_its_names(tmp_path: Path) -> None:
    text = (
        "\ufefflr,width,optimizer,loss,status,notes,seconds\n"
        "0.1,32,sgd,0.5,completed,good,3\n"
        "1e-3,8,adamw,nan,ok,,\n"
    )
    table = read_table(write(tmp_path, text), SPACE)
    assert table.observations[0] == Observation(
        {"lr": 0.1, "width": 32, "optimizer": "sgd"}, {"loss": 0.5}, seconds=3.0
    )
    assert math.isnan(float(table.observations[1].metrics["loss"]))
    assert table.notes == ("the column `notes` holds no numbers and was left out",)


def test_columns_are_mapped_and_left_out(tmp_path: Path) -> None:
    text = "rate;w;optimizer;a;b\n0.1;32;sgd;1;2\n"
    mapping = {"rate": "lr", "w": "width", "a": "metric:lr", "b": ""}
    table = read_table(write(tmp_path, text), SPACE, mapping=mapping)
    assert table.observations[0].config == {"lr": 0.1, "width": 32, "optimizer": "sgd"}
    assert table.observations[0].metrics == {"lr": 1.0}


def test_flat_json_lines_are_read_by_their_names(tmp_path: Path) -> None:
    text = '{"rate": 0.1, "width": 32, "optimizer": "sgd", "loss": 0.5, "state": "done", "seed": 3}\n\n'
    table = read_table(write(tmp_path, text, "runs.jsonl"), SPACE, mapping={"rate": "lr"})
    assert table.observations == (
        Observation({"lr": 0.1, "width": 32, "optimizer": "sgd"}, {"loss": 0.5}, seed=3),
    )


def test_what_is_inactive_is_left_out_and_said(tmp_path: Path) -> None:
    space = Space(optimizer=Choice(["sgd", "adamw"]), momentum=Float(0.0, 1.0, when={"optimizer": "sgd"}))
    text = "optimizer,momentum,loss\nadamw,0.9,1\nsgd,0.9,1\nadamw,0.9,1\n"
    table = read_table(write(tmp_path, text), space)
    assert [row.config for row in table.observations[:2]] == [
        {"optimizer": "adamw"},
        {"optimizer": "sgd", "momentum": 0.9},
    ]
    assert table.notes == ("`momentum` was left out where it is not active (2 rows)",)


GOOD = "lr,width,optimizer,loss\n0.1,32,sgd,0.5\n"
BAD_ROWS = [
    ("lr,width,optimizer,loss\n5,32,sgd,1\n", "runs.csv:2: `lr`: expected a number in [1e-05, 1], got 5.0"),
    ("lr,width,optimizer,loss\nnan,32,sgd,1\n", "`lr`: expected a number in [1e-05, 1], got nan"),
    ("lr,width,optimizer,loss\nhigh,32,sgd,1\n", "`lr`: expected a number in [1e-05, 1], got str 'high'"),
    ("lr,width,optimizer,loss\n0.1,32.5,sgd,1\n", "`width`: expected a whole number"),
    ("lr,width,optimizer,loss\n0.1,,sgd,1\n", "`width` is missing"),
    ("lr,width,optimizer,loss\n0.1,32,adam,1\n", "`optimizer`: expected one of"),
    (GOOD + "0.1,32,sgd,abc\n", "runs.csv:3: `loss`: expected a number, got 'abc'"),
    (GOOD + "0.1,32,sgd\n", "runs.csv:3: expected 4 cells as in the header, got 3"),
    (GOOD + "\n\n0.1,32,sgd,1,2\n", "runs.csv:5: expected 4 cells as in the header, got 5"),
    (GOOD + "0.1,32,sgd,\n", "the row has no metrics"),
    (GOOD + "0.1,32,sgd,1_000\n", "expected a number, got '1_000'"),
    ("state," + GOOD.replace("0.1", "running,0.1"), "the training is running; only trainings that have ended"),
    ("state," + GOOD.replace("0.1", "odd,0.1"), "`state` must be one of done"),
    ("seed," + GOOD.replace("0.1", "x,0.1"), "`seed` must be a whole number, not 'x'"),
    ("seed," + GOOD.replace("0.1", "-1,0.1"), "`seed` must be from 0"),
    ("seconds," + GOOD.replace("0.1", "-1,0.1"), "`seconds` must be a finite number of at least 0"),
    ("kind," + GOOD.replace("0.1", "odd,0.1"), "`kind` must be one of"),
    ("censored:loss," + GOOD.replace("0.1", "up,0.1"), '`censored` must be "above"'),
    ("standard_error:loss," + GOOD.replace("0.1", "-1,0.1"), "`standard_error` must be a finite number"),
    ("standard_error:acc," + GOOD.replace("0.1", "1,0.1"), "`acc` has a standard error or a bound, and no value"),
]


@pytest.mark.parametrize(("text", "message"), BAD_ROWS, ids=[message[:50] for _, message in BAD_ROWS])
def test_a_row_that_does_not_fit_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    table = read_table(write(tmp_path, text), SPACE)
    assert len(table.problems) == 1
    assert message in table.problems[0]


BAD_LINES = [
    ("{", "this is no JSON"),
    ("[1]", "expected an object"),
    ('{"config": {"lr": 0.1}, "metrics": {"loss": 1}}', "`width` is missing"),
    ('{"config": {"lr": "0.1", "width": 32, "optimizer": "sgd"}, "metrics": {"loss": 1}}', "expected a number in"),
    (
        '{"config": {"lr": 0.1, "width": 32, "optimizer": "sgd", "x": 1}, "metrics": {"loss": 1}}',
        "`x` is no parameter",
    ),
    ('{"config": {"lr": 0.1, "width": 32, "optimizer": "sgd"}, "metrics": {"loss": "low"}}', "not the text 'low'"),
    ('{"config": {"lr": 0.1, "width": 32, "optimizer": "sgd"}, "metrics": [1]}', "`metrics` must be names"),
    (
        '{"config": {"lr": 0.1, "width": 32, "optimizer": "sgd"}, "metric": {"loss": 1}}',
        "`metric` is none of config",
    ),
    ('{"config": {"lr": 0.1, "width": 32, "optimizer": "sgd"}}', "the row has no metrics"),
    (
        '{"lr": 0.1, "width": 32, "optimizer": "sgd", "loss": {"steps": [2, 1], "values": [1, 2]}}',
        "strictly increasing",
    ),
    ('{"lr": 0.1, "width": 32, "optimizer": "sgd", "loss": {"valeu": 1}}', "`loss` must be a number, "),
    ("[" * 100_000, "this is no JSON"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=[message for _, message in BAD_LINES])
def test_a_line_that_does_not_fit_is_named(tmp_path: Path, line: str, message: str) -> None:
    table = read_table(write(tmp_path, line + "\n", "runs.jsonl"), SPACE)
    assert len(table.problems) == 1
    assert message in table.problems[0]
    assert ":1: " in table.problems[0]


@pytest.mark.parametrize(
    ("text", "mapping", "message"),
    [
        ("", {}, "has no rows"),
        ("lr,width,optimizer,loss\n", {}, "has no rows"),
        ("lr,lr,optimizer,loss\n", {}, "The column `lr` stands twice"),
        ("a,width,optimizer,loss\n1,2,3,4\n", {}, "no column for the parameter `lr`"),
        (GOOD, {"rate": "lr"}, "no column `rate` to map"),
        (GOOD, {"loss": "lss"}, "`loss` cannot be mapped to `lss`"),
        (GOOD, {"loss": "lr"}, "Two columns are parameter `lr`"),
        (GOOD, {"loss": "parameter:x"}, "the space has lr, width"),
        ('lr,width,optimizer,loss\n"0.1,32\n', {}, "this is no CSV"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, mapping: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)) as caught:
        read_table(write(tmp_path, text), SPACE, mapping=mapping)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        read_table(tmp_path / "no.csv", SPACE)
    with pytest.raises(InvalidInput, match=r"must end in \.csv or \.jsonl"):
        read_table(tmp_path / "runs.xlsx", SPACE)
    path = tmp_path / "runs.csv"
    path.write_bytes(b"lr\n\xff\n")
    with pytest.raises(InvalidInput, match=r"runs\.csv:2: expected text in UTF-8"):
        read_table(path, SPACE)


def test_a_table_of_mixtures_is_read_with_its_rounding(tmp_path: Path) -> None:
    space = Space(mixture=Shares(["w_web", "w_code", "w_books"]))
    text = "run,w_web,w_code,w_books,loss\n1,0.798,0.198,0,2.5\n2,1.003,0,0,3.5\n3,0.5,0.5,,3.0\n"
    table = read_table(write(tmp_path, text), space, mapping={"run": ""})
    first, second, third = (row.config for row in table.observations)
    assert float(first["w_web"]) / float(first["w_code"]) == pytest.approx(0.798 / 0.198)
    assert second == {"w_web": 1.0, "w_code": 0.0, "w_books": 0.0}
    assert third["w_books"] == 0.0
    assert "`w_books` is not in the file; 0.0 was taken for it (1 row)" in table.notes


def test_a_row_whose_shares_do_not_add_up_is_named(tmp_path: Path) -> None:
    space = Space(mixture=Shares(["web", "code"]))
    text = "web,code,loss\n0.5,0.5,1\n0.5,0.4,1\nmuch,0.5,1\n"
    table = read_table(write(tmp_path, text), space)
    assert len(table.observations) == 1
    first, second = table.problems
    assert "runs.csv:3: " in first
    assert "`web`, `code` must add up to 1, to within 0.01 of rounding, but add up to 0.9" in first
    assert "runs.csv:4: `web`: expected a share in [0, 1], got 'much'" in second
