"""Tables of real life: what each column is taken for, and what becomes of rows and cells that are none."""

import csv
import gzip
import json
import math
from pathlib import Path

import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.importers import Reading, read_records
from physai_inverse.importers.relations import ShareGroup, derived, shares
from physai_inverse.observations import Curve, Measurement, TrialState
from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal, Shares
from physai_inverse.spec import draft_for_reading
from tests.importers import records

ROWS = records.rows(24)


def read(folder: Path, text: str, name: str = "runs.csv", **options: object) -> Reading:
    path = folder / name
    path.write_text(text)
    return read_records(path, **options)


def roles(reading: Reading) -> dict[str, str]:
    return {item.column: item.role for item in reading.decisions}


def table(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    "form", ["csv", "semicolon", "gz", "bom", "utf-16", "jsonl", "json", "columns", "parquet"]
)
def test_every_form_of_a_table_gives_the_same_study(tmp_path: Path, form: str) -> None:
    plain = read_records(records.write_csv(tmp_path / "runs.csv", ROWS))
    path = tmp_path / f"again.{'parquet' if form == 'parquet' else 'txt'}"
    text = (tmp_path / "runs.csv").read_text()
    filled = [{name: row.get(name) for name in ROWS[0]} for row in ROWS]
    if form == "semicolon":
        records.write_csv(path, ROWS, ";")
    elif form == "gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif form in ("bom", "utf-16"):
        path.write_text(text, encoding="utf-8-sig" if form == "bom" else "utf-16")
    elif form == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in ROWS))
    elif form == "json":
        path.write_text(json.dumps(ROWS, indent=1))
    elif form == "columns":
        path.write_text(
            json.dumps({name: {str(i): row[name] for i, row in enumerate(filled)} for name in ROWS[0]})
        )
    elif form == "parquet":
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
        parquet.write_table(pyarrow.Table.from_pylist(filled), path)
    else:
        path.write_text(text)
    reading = read_records(path)
    assert reading.space == plain.space
    assert reading.wish == plain.wish
    assert [seen.config for seen in reading.observations] == [seen.config for seen in plain.observations]
    assert [seen.state for seen in reading.observations] == [seen.state for seen in plain.observations]


def test_types_scales_and_conditions_are_read_off_the_values(tmp_path: Path) -> None:
    reading = read_records(records.write_csv(tmp_path / "runs.csv", ROWS))
    parameters = reading.space.parameters
    assert parameters["lr"] == Float(1e-4, 0.1, log=True)
    assert parameters["width"] == Ordinal([16, 32, 64])
    assert parameters["nesterov"] == Boolean()
    assert parameters["optimizer"] == Choice(["sgd", "adam"])
    assert parameters["momentum"] == Float(0.1, 0.84, when={"optimizer": ["sgd"]})
    assert reading.wish.goals == ["minimize val_loss"]
    assert reading.wish.guessed
    assert reading.observations[2].state is TrialState.DIVERGED
    assert reading.left_out == ()


def test_a_uniform_column_over_decades_stays_linear(tmp_path: Path) -> None:
    lines = [f"{0.1 * place / 200:.6g},{10 ** (-5 + 4 * place / 200):.6g},{place}" for place in range(1, 201)]
    parameters = read(tmp_path, table("weight_decay,lr,loss", *lines)).space.parameters
    assert parameters["weight_decay"] == Float(0.0, 0.1)
    assert parameters["lr"] == Float(1e-5, 0.1, log=True)


def test_ranges_go_a_little_outwards_to_round_numbers(tmp_path: Path) -> None:
    lines = [f"{0.1003 + 0.8896 * place / 40},{7 * 1.166**place:.0f},{place}" for place in range(41)]
    parameters = read(tmp_path, table("momentum,rounds,loss", *lines)).space.parameters
    assert parameters["momentum"] == Float(0.1, 0.99)
    assert parameters["rounds"] == Integer(7, 4000, log=True)


def test_the_noise_of_floats_at_a_round_end_loses_no_row(tmp_path: Path) -> None:
    lines = [f"{0.1 * place!r},{place}" for place in range(1, 4)]
    reading = read(tmp_path, table("lr,loss", *lines))
    assert reading.space.parameters["lr"] == Float(0.1, 0.3)
    assert [seen.config["lr"] for seen in reading.observations] == [0.1, 0.2, 0.3]


def test_seeds_side_by_side_become_trainings_and_steps_side_by_side_a_curve(tmp_path: Path) -> None:
    header = "instance,lr,acc_seed0,acc_seed1,loss_e1,loss_e5,loss_e20,time_e20"
    reading = read(
        tmp_path, table(header, "3945,0.1,0.5,,3,2,1,9", "7593,0.2,0.6,0.7,3,2,,8", "3945,0.3,1,1,1,1,1,7")
    )
    assert reading.space.parameters["instance"] == Choice([3945, 7593])
    assert [seen.seed for seen in reading.observations] == [0, 0, 1, 0, 1]
    assert [seen.metrics["acc"] for seen in reading.observations] == [0.5, 0.6, 0.7, 1.0, 1.0]
    assert reading.observations[1].metrics["loss"] == Curve((1.0, 5.0), (3.0, 2.0))
    assert reading.observations[0].seconds == 9.0


def test_a_long_table_is_joined_to_curves(tmp_path: Path) -> None:
    lines = [f"{run},{0.1 * (run + 1)},{step},{1 / step + run}" for run in range(4) for step in (1, 2, 3)]
    reading = read(tmp_path, table("run,lr,step,loss", *lines))
    assert len(reading.observations) == 4
    assert reading.observations[1].metrics == {"loss": Curve((1.0, 2.0, 3.0), (2.0, 1.5, 1 / 3 + 1))}
    unnamed = read(tmp_path, table("lr,step,loss", *(line.partition(",")[2] for line in lines)))
    assert [seen.metrics for seen in unnamed.observations] == [seen.metrics for seen in reading.observations]


@pytest.mark.parametrize("runs", [1, 3])
def test_rows_that_number_the_trials_of_a_search_are_trainings(tmp_path: Path, runs: int) -> None:
    lines = [
        f"{run},{trial},{0.1 * (trial * 7 % 11 + 1):.3g},{trial}.5" for run in range(runs) for trial in range(9)
    ]
    reading = read(tmp_path, table("run,iteration,lr,loss", *lines))
    assert len(reading.observations) == 9 * runs
    assert reading.observations[1].metrics == {"loss": 1.5}


def test_cells_of_real_life(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        table(
            ' , lr ,dropout,"use_bias",depth,memory,created,train_time,loss,status',
            '0, "0.1" ,10 %,True,2,12 GB,2026-01-01 10:00:00,0 days 00:01:02.5,0.5,ok',
            "1,1e-2, 20 %,false,4,14 GB,2026-01-01 11:00:00,30 s,inf,ok",
            "2,0.001,30%,True,,11 GB,2026-01-02 10:00:00,40,nan,crashed",
            "3,0.002,30%,True,3,11 GB,2026-01-02 10:00:00,40,,crashed",
            "4,0.003,10%,None,3,11 GB,2026-01-02 10:00:00,40,3,running",
        ),
    )
    found = roles(reading)
    assert (found["unnamed column 1"], found["created"], found["status"]) == ("left out", "left out", "state")
    parameters = reading.space.parameters
    assert parameters["use_bias"] == Boolean()
    assert parameters["dropout"] == Float(10, 30)
    assert [seen.seconds for seen in reading.observations] == [62.5, 30.0, 40.0]
    states = [seen.state for seen in reading.observations]
    assert states == [TrialState.DONE, TrialState.DIVERGED, TrialState.FAILED]
    assert len(reading.left_out) == 2
    assert "runs.csv:4: `depth` is empty, and nothing says why" in reading.left_out[1]
    assert "runs.csv:6: it has not ended (running)" in reading.left_out[0]


def test_none_written_beside_numbers_is_a_choice(tmp_path: Path) -> None:
    lines = [f"{('None', 3, 8)[place % 3]},{place},{place % 7}" for place in range(12)]
    reading = read(tmp_path, table("max_depth,lr,loss", *lines))
    assert reading.space.parameters["max_depth"] == Choice([3, 8, "none"])
    assert [seen.config["max_depth"] for seen in reading.observations][:3] == ["none", 3, 8]


def test_rows_that_are_none_are_listed_with_place_and_reason(tmp_path: Path) -> None:
    lines = [f"{place + 1},{place}" for place in range(12)]
    reading = read(tmp_path, table("lr,loss", *lines, "1,2,3", "lr,loss", "much,4", "5,", "6,bad"))
    reasons = [line.partition("runs.csv:")[2] for line in reading.left_out]
    assert reasons == [
        "14: expected 2 cells as in the header, got 3.",
        "15: the header stands here again.",
        "18: `loss`: expected a number, got 'bad'.",
        "16: `lr`: expected a number as in the other rows, got 'much'.",
        "17: it has no metric and does not say that the training failed.",
    ]
    assert len(reading.observations) == 12


def test_an_often_empty_metric_is_asked_about_and_can_be_declared(tmp_path: Path) -> None:
    lines = [f"{1 + place % 5},{place + 1},{'' if place % 2 else 100 * place}" for place in range(20)]
    text = table("decay,lr,steps_to_test", *lines)
    [hint] = read(tmp_path, text).hints
    assert hint.startswith("`steps_to_test` is empty in 10 of 20 trainings. Empty means: not measured.")
    assert "--censored steps_to_test=above:BOUND (the largest value here is 1800)" in hint
    told = read(tmp_path, text, censored={"steps_to_test": ("above", 2000.0)})
    assert len(told.observations) == 20
    assert told.observations[1].metrics == {"steps_to_test": Measurement(2000.0, censored="above")}
    assert told.hints == ()
    with pytest.raises(
        InvalidInput, match="`--censored` speaks of `steps`; the source has the metrics steps_to_test"
    ):
        read(tmp_path, text, censored={"steps": ("above", 1.0)})


def test_what_the_user_says_overrules_names(tmp_path: Path) -> None:
    lines = [f"{place},{place % 3},{place},{place * 2},{place % 4}" for place in range(1, 13)]
    header = "accuracy,b,c,d,e"
    said = {"accuracy": "parameter:target", "b": "metric:cost", "c": "seed", "d": "", "e": "width"}
    reading = read(tmp_path, table(header, *lines), mapping=said)
    assert set(reading.space.parameters) == {"target", "width"}
    assert set(reading.metrics) == {"cost"}
    assert [seen.seed for seen in reading.observations] == list(range(1, 13))
    assert roles(reading)["d"] == "left out"
    with pytest.raises(InvalidInput, match="has no column `f` to map; it has accuracy, b, c, d, e"):
        read(tmp_path, table(header, *lines), mapping={"f": "metric"})


def test_computed_columns_are_metrics_and_no_parameters(tmp_path: Path) -> None:
    lines = [f"{size},{tokens},{6 * size * tokens:.8g},{tokens / size:.6g},{place}" for place, (size, tokens) in
             enumerate((10**a * 1.1, 3.0**b * 70) for a in range(1, 5) for b in range(4))]  # fmt: skip
    reading = read(tmp_path, table("params,tokens,flops,ratio,loss", *lines))
    assert set(reading.space.parameters) == {"params", "tokens"}
    why = {item.column: item.why for item in reading.decisions}
    assert why["flops"] == "no parameter of its own: it is 6 * params * tokens"
    assert why["ratio"] == "no parameter of its own: it is tokens / params"
    assert reading.observations[0].metrics["ratio"] == pytest.approx(70 / 11, rel=1e-5)


def test_exports_of_other_tools_are_known_by_their_columns(tmp_path: Path) -> None:
    optuna = table(
        "number,value,datetime_start,duration,params_lr,params_opt,state",
        "0,0.5,2026-01-01 10:00:00,0 days 00:00:01.5,0.1,a,COMPLETE",
        "1,,2026-01-01 10:00:00,0 days 00:00:02.5,0.2,b,FAIL",
        "2,0.3,2026-01-01 10:00:00,0 days 00:00:02.5,0.01,b,COMPLETE",
    )
    reading = read(tmp_path, optuna)
    assert set(reading.space.parameters) == {"lr", "opt"}
    assert [seen.state for seen in reading.observations] == [TrialState.DONE, TrialState.FAILED, TrialState.DONE]
    assert [seen.seconds for seen in reading.observations] == [1.5, 2.5, 2.5]
    path = tmp_path / "wandb.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["", "summary", "config", "name"])
        for place in range(3):
            summary = {"loss": 0.5 + place, "_runtime": 7, "_wandb": {"runtime": 7}}
            writer.writerow(
                [place, summary, {"lr": 10.0**-place, "net": {"width": 4 * place + 1}}, f"run-{place}"]
            )
    reading = read_records(path)
    assert set(reading.space.parameters) == {"lr", "net_width"}
    assert [seen.metrics for seen in reading.observations] == [{"loss": 0.5}, {"loss": 1.5}, {"loss": 2.5}]
    assert [seen.seconds for seen in reading.observations] == [7.0, 7.0, 7.0]


def test_constants_labels_and_sizes(tmp_path: Path) -> None:
    sizes = ["1B", "190M", "370M", "760M"]
    lines = [f"run {place},{sizes[place % 4]},0.1,gpu {place * 7},{place}" for place in range(16)]
    reading = read(tmp_path, table("name,model,clip,note_text,loss", *lines))
    assert reading.space.parameters["model"] == Ordinal(["190M", "370M", "760M", "1B"])
    assert reading.space.parameters["clip"] == Constant(0.1)
    assert roles(reading)["name"] == "left out"
    assert roles(reading)["note_text"] == "left out"


def test_shares_are_neighbours_that_add_up() -> None:
    columns = {
        "lr": [0.1, 0.2, 0.3, 0.1],
        "web": [0.5, 0.2, 0.1, 0.0],
        "code": [0.3, 0.3, 0.4, 0.9],
        "books": [0.2, 0.502, 0.5, 0.1],
        "depth": [1.0, 2.0, 3.0, 4.0],
    }
    assert shares(columns) == [ShareGroup(("web", "code", "books"), 1.0)]
    assert shares({name: values for name, values in columns.items() if name != "code"}) == []
    percent = {name: [100 * value for value in columns[name]] for name in ("web", "code", "books")}
    assert shares(percent) == [ShareGroup(("web", "code", "books"), 100.0)]


def test_a_share_that_is_always_zero_does_not_hide_the_others(tmp_path: Path) -> None:
    lines = [f"{a / 10},0,{(10 - a - b) / 10},{b / 10},{a}" for a in range(5) for b in range(5)]
    reading = read(tmp_path, table("w_web,w_none,w_code,w_books,loss", *lines))
    assert reading.shares == (ShareGroup(("w_web", "w_code", "w_books"), 1.0),)
    assert reading.space.groups == {"w_shares": Shares(["w_web", "w_code", "w_books"])}
    assert [
        sum(float(seen.config[name]) for name in reading.shares[0].names) for seen in reading.observations
    ] == (pytest.approx([1.0] * 25))
    assert "w_shares: {type: shares, parts: [w_web, w_code, w_books]" in draft_for_reading(reading, "mixtures")


def test_independent_columns_are_not_derived() -> None:
    first = [1.0 + (place * 7) % 11 for place in range(11)]
    second = [1.0 + (place * 3) % 11 for place in range(11)]
    assert derived({"a": first, "b": second}) == {}
    product = [math.sqrt(a) * b for a, b in zip(first, second, strict=True)]
    assert derived({"a": first, "b": second, "c": product}) == {"c": "a**0.5 * b"}
