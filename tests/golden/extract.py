"""What is kept of a run: numbers by their meaning, none of the sentences; and how two outcomes are compared.

`outcome` and `prediction` are the only places that know the names of files and fields in a run's folder. When a file or a field
gets another name, change it here; the fixtures stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from headstart.methods import METHODS
from headstart.training.settings import Training

FIXTURES = Path(__file__).parent / "fixtures"
REWRITE = os.environ.get("HEADSTART_GOLDEN") == "write"
LOOSE = 1e-6
"""Largest difference allowed on another processor or with other versions of the libraries: sums differ in their last bits."""


def outcome(run: Path) -> dict[str, Any]:
    """What a finished run found, decided and predicts.

    Args:
        run: The run's folder.

    Returns:
        Only numbers, names of methods and models, and codes of findings; sentences are left out.
    """
    result = _json(run / "result.json")
    return {
        "verdict": result["verdict"] if result["adaptation"] is None else None,  # that of an adaptation follows from its record
        "ranking": _ranking(_json(run / "ranking.json")),
        "sources": _sources(result["sources"]),
        "decision": _decision(_json(run / "decision.json")),
        "adaptation": _adaptation(result["adaptation"]),
        "plan": _plan(run / "plan.toml"),
        "evaluation": _evaluation(result["evaluation"]),
        "findings": sorted(finding["code"] for finding in result["findings"] or []),
        "predictions": _table(run / "predictions.parquet"),
        "unlabeled": _table(run / "unlabeled.parquet"),
    }


def prediction(row: dict[str, Any]) -> dict[str, Any]:
    """A line of `predict --json` without its sentences."""
    return {name: row[name] for name in ("label", "probability", "probs", "similarity", "threshold") if name in row}


def _ranking(found: Any) -> Any:
    return found and {
        "order": [one["name"] for one in found["candidates"]],
        "scores": [one["scores"] for one in found["candidates"]],
        "rank": [one["rank"] for one in found["candidates"]],
        "first_probability": [one["first_probability"] for one in found["candidates"]],
        "estimate": [_interval(one["estimate"]) for one in found["candidates"]],
        "chosen": found["chosen"],
        "distinguishable": found["distinguishable"],
    }


def _decision(found: Any) -> Any:
    return found and {
        "gain": _interval(found["gain"]),
        "candidates": [
            {
                "kind": one["method"].get("kind"),
                "family": {"baseline": "canary"}.get(one["family"], one["family"]),  # as the fixtures name it
                "pretrained": one["pretrained"],
                "input_pixels": one["input_pixels"],
                "status": one["status"],
                "epochs": _epochs(one) if METHODS.get(one["method"]["kind"]).cost == "gradient" else None,
                "accuracy": _interval(one["accuracy"]),
                "log_loss": _interval(one["log_loss"]),
                "num_rows": one["num_rows"],
            }
            for one in found["results"]
        ],
        "comparisons": [
            [_interval(one["accuracy_gain"]), _interval(one["log_loss_gain"]), one["p_value"], one["significant"]]
            for one in found["comparisons"]
        ],
        "forecasts": found["curve"] and [_interval(one["accuracy"]) for one in found["curve"]["forecasts"]],
    }


def _epochs(one: dict[str, Any]) -> int:
    return int(Training.from_dict(one.get("training", {})).epochs)


def _sources(found: Any) -> Any:
    return found and {
        "used": found["used"],
        "choice": found["choice"],
        "each": [
            {
                **{name: one[name] for name in ("name", "proxy_a", "mmd", "otdd", "leep", "nce", "weight", "agreement")},
                "own": _interval(one["own_accuracy"]),
                "by_others": _interval(one["others_accuracy"]),
                "on_target": _interval(one["target_accuracy"]),
            }
            for one in found["sources"]
        ],
    }


def _adaptation(found: Any) -> Any:
    return found and {
        "chosen": found["chosen"],
        "accuracy": _interval(found["accuracy"]),
        "unadapted_accuracy": _interval(found["unadapted_accuracy"]),
        "at_most_lost": found["at_most_lost"],
        "candidates": [
            {"name": one["name"], "kind": one["method"]["kind"], "refused": bool(one["rejection"]), "changed": one["changed"]}
            | {"values": {name: value for name, value in sorted(one["scores"].items()) if value is not None}}
            for one in found["candidates"]
        ],
    }


def _plan(path: Path) -> dict[str, Any]:
    from headstart import Plan

    plan = Plan.from_toml(path.read_text(encoding="utf-8")).to_dict()
    names = ("pretrained", "weights", "input_pixels", "seed", "domains", "temperature", "hold_out", "shares", "mean", "std")
    partners = [[one["pretrained"], one["weights"], one["input_pixels"], one["method"]["kind"]] for one in plan["partners"]]
    return {name: plan[name] for name in names} | {"method": plan["method"], "partners": partners}


def _evaluation(found: Any) -> Any:
    return found and {
        "split": found["split"],
        "num_images": found["num_images"],
        "metrics": {name: _interval(value) for name, value in sorted(found["metrics"].items())},
        "counts": found["confusion"]["counts"],
    }


def _interval(found: Any) -> Any:
    return found and [found["value"], found["low"], found["high"]]


def _table(path: Path) -> Any:
    """Labels and probabilities in the order of the rows."""
    if not path.exists():
        return None
    table = pq.read_table(path)
    return probabilities(table["probs"].to_pylist()) | {"truth": table["label"].to_pylist()}


def probabilities(rows: Any) -> dict[str, Any]:
    """Probabilities as they are kept: a digest of every bit, the class of each row, and seven numbers to six places."""
    probs = np.asarray(rows, np.float64)
    sample = probs[np.linspace(0, len(probs) - 1, 7).astype(int)]
    return {
        "digest": hashlib.sha256(probs.tobytes()).hexdigest(),
        "predicted": probs.argmax(axis=1).tolist(),
        "sample": sample.tolist(),
    }


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def check(name: str, found: dict[str, Any]) -> None:
    """Compare with the fixture of that name: to the last bit where the machine is of the same kind, else to `LOOSE`.

    Args:
        name: Of the case.
        found: What came out.
    """
    found = json.loads(json.dumps(found))
    path = FIXTURES / f"{name}.json"
    if REWRITE:
        path.write_text(json.dumps({"machine": machine(), "outcome": found}, indent=1) + "\n", encoding="utf-8")
        return
    kept = _json(path)
    exact = kept["machine"] == machine()
    print(
        f"{name}: compared",
        "to the last bit" if exact else f"to {LOOSE}: the fixture is of {kept['machine']}, this is {machine()}",
    )
    differences = list(_differences(kept["outcome"], found, "", exact))
    assert not differences, "\n".join([f"{name}, {len(differences)} differences:", *differences[:20]])


def machine() -> dict[str, str]:
    """What decides about the last bits of a sum."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _differences(kept: Any, found: Any, where: str, exact: bool) -> Iterator[str]:
    """One line for each difference. A digest counts only where every bit must agree."""
    if isinstance(kept, dict) and isinstance(found, dict):
        for name in sorted({*kept, *found}):
            if name not in kept or name not in found:
                yield f"{where}.{name}: only {'found' if name in found else 'in the fixture'}"
            elif exact or name != "digest":
                yield from _differences(kept[name], found[name], f"{where}.{name}", exact)
    elif isinstance(kept, list) and isinstance(found, list) and len(kept) == len(found):
        for index, (one, other) in enumerate(zip(kept, found, strict=True)):
            yield from _differences(one, other, f"{where}[{index}]", exact)
    elif not exact and isinstance(kept, float) and isinstance(found, (int, float)):
        if not np.isclose(kept, found, rtol=LOOSE, atol=LOOSE, equal_nan=True):
            yield f"{where}: {kept!r} was, {found!r} is"
    elif kept != found and repr(kept) != repr(found):
        yield f"{where}: {kept!r} was, {found!r} is"
