"""Records as other tools write them, without the tools: for tests that must run anywhere."""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Value = bool | int | float | str


def rows(count: int) -> list[dict[str, Value]]:
    """Trainings whose best is at lr = 0.01; momentum belongs to sgd alone, and the third diverges."""
    found: list[dict[str, Value]] = []
    for place in range(count):
        optimizer = ("sgd", "adam")[place % 2]
        lr = 10 ** (-4 + 3 * ((place * 7) % count) / (count - 1))
        row: dict[str, Value] = {
            "lr": lr,
            "optimizer": optimizer,
            "width": 2 ** (4 + place % 3),
            "nesterov": place % 3 == 0,
        }
        if optimizer == "sgd":
            row["momentum"] = round(0.1 + 0.8 * place / count, 3)
        row["val_loss"] = math.nan if place == 2 else (math.log10(lr) + 2) ** 2 + 0.1 + 1 / 2 ** (4 + place % 3)
        found.append(row)
    return found


def settings(row: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in row.items() if name != "val_loss"}


def write_csv(path: Path, records: Sequence[Mapping[str, Value]], mark: str = ",") -> Path:
    names = list(dict.fromkeys(name for record in records for name in record))
    lines = [mark.join(names)]
    lines += [mark.join(str(record.get(name, "")) for name in names) for record in records]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_ray(folder: Path, records: Sequence[Mapping[str, Value]], failed: int = 1) -> Path:
    """Lay out an experiment as Ray Tune 2.60 does; the trial `failed` raised an error after one result."""
    for place, record in enumerate(records):
        trial = folder / "experiment" / f"train_{place:05d}_lr={record['lr']:.4f}"
        trial.mkdir(parents=True)
        (trial / "params.json").write_text(json.dumps(settings(record)))
        (trial / "params.pkl").write_bytes(b"\x80\x05cos\nsystem\n(S'false'\ntR.")
        lines = []
        for step in range(1, 2 if place == failed else 4):
            lines.append(
                json.dumps(
                    {
                        "val_loss": float(record["val_loss"]) + 1 / step, "timestamp": 1, "done": False,
                        "training_iteration": step, "trial_id": f"t_{place}", "date": "2026-01-01_00-00-00",
                        "time_this_iter_s": 0.5, "time_total_s": 0.5 * step, "pid": 1, "hostname": "h",
                        "node_ip": "192.0.2.1", "config": settings(record), "iterations_since_restore": step,
                    }
                )
            )  # fmt: skip
        (trial / "result.json").write_text("\n".join(lines) + "\n")
        if place == failed:
            (trial / "error.txt").write_text("Traceback ...\nRuntimeError: CUDA out of memory\n")
            (trial / "error.pkl").write_bytes(b"\x80\x05cos\nsystem\n(S'false'\ntR.")
    return folder


def write_lightning(folder: Path, records: Sequence[Mapping[str, Value]]) -> Path:
    """Lay out the folders of Lightning's CSVLogger; its tags of Python objects in hparams.yaml included."""
    for place, record in enumerate(records):
        version = folder / "lightning_logs" / f"version_{place}"
        version.mkdir(parents=True)
        lines = [f"{name}: {json.dumps(value)}" for name, value in settings(record).items()]
        lines += ["loss_fn: !!python/object:torch.nn.modules.loss.CrossEntropyLoss", "  reduction: mean"]
        (version / "hparams.yaml").write_text("\n".join(lines) + "\n")
        table = ["epoch,step,train_loss,val_loss"]
        for epoch in range(3):
            table += [
                f"{epoch},{epoch * 10 + 4},{1 / (epoch + 1)},",
                f"{epoch},{epoch * 10 + 9},,{record['val_loss']}",
            ]
        (version / "metrics.csv").write_text("\n".join(table) + "\n")
    return folder


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _integer(number << 3) + _integer(content)
    return _integer(number << 3 | 2) + _integer(len(content)) + content


def _integer(value: int) -> bytes:
    found = b""
    while True:
        value, byte = value >> 7, value & 127
        found += bytes([byte | (128 if value else 0)])
        if not value:
            return found


def _items(number: int, values: Mapping[str, object]) -> bytes:
    return b"".join(
        _field(number, _field(1, name.encode()) + _field(16, json.dumps(value).encode()))
        for name, value in values.items()
    )


def wandb_log(
    config: Mapping[str, object], history: Sequence[Mapping[str, object]], exit_code: int | None = 0
) -> bytes:
    """Write the log of an offline run: LevelDB's blocks of `Record` messages."""
    run = _field(1, b"id") + _field(3, b"digits") + _field(4, _items(1, config))
    records = [_field(17, run)]
    records += [
        _field(2, _items(1, {**row, "_step": step, "_runtime": 2.0 * (step + 1)}))
        for step, row in enumerate(history)
    ]
    if exit_code is not None:
        records.append(_field(18, _field(1, exit_code)))
    log = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    for record in records:
        first = True
        while True:
            rest = 32768 - len(log) % 32768
            if rest < 7:
                log, rest = log + b"\0" * rest, 32768
            part, record = record[: rest - 7], record[rest - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            log += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
            if not record:
                break
    return log


def write_wandb(folder: Path, records: Sequence[Mapping[str, Value]], failed: int = 1) -> Path:
    """Lay out offline runs; the run `failed` ended with an error."""
    for place, record in enumerate(records):
        run = folder / "wandb" / f"offline-run-20260101_00000{place}-r{place}"
        run.mkdir(parents=True)
        history = [{"val_loss": float(record["val_loss"]) + 1 / (step + 1)} for step in range(3)]
        config = {"_wandb": {"cli": "0"}, "optim": settings(record), "note": "x" * 70000}
        (run / f"run-r{place}.wandb").write_bytes(wandb_log(config, history, 1 if place == failed else 0))
    return folder


def write_mlflow_folder(folder: Path, records: Sequence[Mapping[str, Value]]) -> Path:
    """Lay out MLflow's file store; the second run failed, the last one runs."""
    experiment = folder / "mlruns" / "123"
    experiment.mkdir(parents=True)
    (experiment / "meta.yaml").write_text("experiment_id: '123'\nname: digits\nlifecycle_stage: active\n")
    for place, record in enumerate(records):
        run = experiment / f"{place:032x}"
        for name in ("params", "metrics"):
            (run / name).mkdir(parents=True)
        status = {1: 4, len(records) - 1: 1}.get(place, 3)
        (run / "meta.yaml").write_text(
            f"run_id: x\nstatus: {status}\nstart_time: {1000 + place}\nend_time: {3000 + place}\n"
            "lifecycle_stage: active\n"
        )
        for name, value in settings(record).items():
            (run / "params" / name).write_text(str(value))
        (run / "metrics" / "val_loss").write_text(
            "".join(f"{step} {record['val_loss']} {step}\n" for step in range(3))
        )
    return folder / "mlruns"
