"""Choice: the fastest engine whose features stay close enough to exact ones, found by trying."""

from __future__ import annotations

import os
import platform
import time
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from headstart.backbones.descriptions import Description
from headstart.backbones.engines.base import Engine, Outputs, Pictures
from headstart.backbones.engines.kept import RUNTIMES, kept_engine
from headstart.backbones.extractor import Extractor
from headstart.core.errors import MissingExtraError, PlanError, PretrainedError, did_you_mean
from headstart.core.folders import cache_folder
from headstart.core.records import Migration, Record, fingerprint_of, renamed, write_atomically
from headstart.core.types import Bytes

if TYPE_CHECKING:  # a prediction on an engine that was kept takes no PyTorch
    from headstart.backbones.programs import Program

REFERENCE = "torch-float32"
LARGEST_ERROR = 0.15
"""Of features, as `feature_error` measures it. bf16 stays near 0.08 on EfficientNet-Lite and costs no accuracy that three seeds
of three sets could show; 8-bit integers reach 0.4 and more there."""
SAMPLE_ROWS = 32
"""Images that an engine is tried on."""
MIN_REFERENCE_SECONDS = 2.0
"""Other engines are tried where the reference would take longer than this, which is about what making another engine takes."""
SLOW_TO_MAKE_SECONDS = 60.0
"""Compiling or calibrating takes half a minute: such engines are tried where the best of the others would take this long."""
MOST_ENGINES = 2
"""Engines kept in memory: each takes 50 MB or more, and making one takes a second or more."""
_SLOW_TO_MAKE = ("int8", "-compiled")


class Choice(Record):
    """Which engine runs a network on this machine, and why.

    Attributes:
        engine: The fastest of those whose error is small enough.
        images_per_second: Pictures a second, by engine.
        errors: Of features against exact ones, by engine.
        faults: Why an engine cannot run the network at all, by engine.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (renamed("rates", "images_per_second"),)
    engine: str
    images_per_second: dict[str, float]
    errors: dict[str, float]
    faults: dict[str, str] = {}


def engine_names() -> list[str]:
    """What this machine can run, as `RUNTIME-PRECISION`."""
    return [f"{name}-{precision}" for name in RUNTIMES.names() for precision in RUNTIMES.get(name)().precisions()]


def requested_engine() -> str | None:
    """The engine that `HEADSTART_ENGINE` names; None where the variable is unset, empty or "auto"."""
    name = os.environ.get("HEADSTART_ENGINE", "")
    return None if name in ("", "auto") else _checked(name, "HEADSTART_ENGINE")


def _checked(name: str, where: str) -> str:
    """The name; `PlanError` where there is no such engine, `MissingExtraError` where it cannot run here."""
    runtime, _, precision = name.partition("-")
    if runtime in RUNTIMES.names():
        if precision in RUNTIMES.get(runtime)().precisions():
            return name
        raise MissingExtraError(
            f'{where} = "{name}" cannot run here: OpenVINO has no package for every system, and cuda needs a GPU. '
            f"Here there are {', '.join(engine_names())}; HEADSTART_ENGINE chooses one, and features then differ by less than "
            f"{LARGEST_ERROR:.0%}."
        )
    near = did_you_mean(name, engine_names())
    raise PlanError(f'{where} = "{name}" is not an engine.{near} Here there are {", ".join(engine_names())}.')


_LAST_USED: OrderedDict[str, Engine] = OrderedDict()


def _last_used(key: str, make: Callable[[], Engine]) -> Engine:
    """The engine of that key, made unless it is among the last ones used."""
    engine = _LAST_USED.pop(key, None) or make()
    _LAST_USED[key] = engine
    while len(_LAST_USED) > MOST_ENGINES:
        _LAST_USED.popitem(last=False)
    return engine


def calibration_folder(backbone: Extractor) -> Path:
    """The folder of the cache for calibrated engines of a backbone; a saved model takes a copy along."""
    return Description(backbone).content_key.calibration_folder


def engine_named(name: str, program: Program | Description, pictures: Pictures) -> Engine:
    """The program, of a backbone whose hash is up to date, on an engine of `engine_names`; pictures are for calibration.

    The network is loaded where no such engine was kept.
    """
    runtime, _, precision = name.partition("-")
    key = program.content_key

    def make() -> Engine:
        ready = kept_engine(name, key)
        if ready is not None:
            return ready
        return RUNTIMES.get(runtime)().engine(program.loaded(), precision, pictures, key.calibration_folder)

    if runtime == "torch" and not _is_slow_to_make(name):  # quickly made, and would take the place of others
        return make()
    return _last_used(f"{name} {' '.join(map(str, key))}", make)


def engine_of(program: Program | Description, pictures: Pictures) -> Engine:
    """The program on the engine that was chosen for its backbone, or on the reference; pictures are for calibration."""
    return engine_named(known_engine(program.backbone) or REFERENCE, program, pictures)


def known_engine(backbone: Extractor) -> str | None:
    """The engine that runs the backbone; None where engines have to be tried.

    What `HEADSTART_ENGINE` names comes first, then what ran the backbone before, then what was found fastest for the same
    weights on this machine.
    """
    requested = requested_engine()
    if requested or backbone.engine:
        return requested or _checked(str(backbone.engine), f"the engine of {backbone.card.name}")
    choice = _read(_choice_file(backbone))
    return choice.engine if choice else None


def choose_engine(program: Program | Description, pictures: Pictures, num_images: int) -> str:
    """Set the backbone's engine to the fastest for so many images, and return its name.

    Engines are tried where the reference takes longer than `MIN_REFERENCE_SECONDS`. The choice is cached, so that fits and
    predictions agree.
    """
    choice = _choice(program.loaded(), pictures, num_images)
    if choice.errors:
        write_atomically(_choice_file(program.backbone), choice.to_json())
    program.backbone.engine = choice.engine
    return choice.engine


def _choice_file(backbone: Extractor) -> Path:
    return _choices() / f"{fingerprint_of([backbone.weights_hash, backbone.transform.to_dict(), machine_fingerprint()])}.json"


def _choices() -> Path:
    return cache_folder() / "engines"


def _read(path: Path) -> Choice | None:
    choice = Choice.from_json(path.read_text(encoding="utf-8"), str(path)) if path.exists() else None
    return choice if choice and choice.engine in engine_names() else None


def machine_fingerprint() -> str:
    """Changes with what engines and their speed depend on beside the network."""
    import torch  # noqa: PLC0415

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = [_version(name) for name in ("torch", "openvino")]
    return fingerprint_of([platform.machine(), os.cpu_count(), gpu, engine_names(), versions])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _choice(program: Program, pictures: Pictures, num_images: int) -> Choice:
    """The choice by trial.

    The order of rates is taken over from networks of the same family (architectures that differ in the number they end with);
    errors never are.
    """
    if not num_images:
        return Choice(engine=REFERENCE, images_per_second={}, errors={})
    sample = pictures(SAMPLE_ROWS)
    exact, rate = _run(engine_named(REFERENCE, program, pictures), sample)
    images_per_second, errors = {REFERENCE: rate}, {REFERENCE: 0.0}
    if num_images / rate <= MIN_REFERENCE_SECONDS:
        return Choice(engine=REFERENCE, images_per_second=images_per_second, errors={})
    family = program.backbone.card.architecture.rstrip("0123456789")
    path = _choices() / f"rates-{fingerprint_of([family, type(program).__name__, machine_fingerprint()])}.json"
    known = _read(path)
    close_runtimes: set[str] = set()
    faults: dict[str, str] = {}
    for name in _trial_order(known.images_per_second if known else {}):
        if _is_slow_to_make(name):
            worthwhile = num_images / max(images_per_second.values()) > SLOW_TO_MAKE_SECONDS
        else:  # a runtime's slower precisions need no trial, nor do slower engines where rates are known
            worthwhile = name != REFERENCE and not (close_runtimes if known else close_runtimes & {name.partition("-")[0]})
        if not worthwhile:
            continue
        try:
            outputs, images_per_second[name] = _run(engine_named(name, program, pictures), sample)
        except (PretrainedError, RuntimeError) as error:  # RuntimeError: out of memory, or no compiler
            faults[name] = str(error)
            continue
        errors[name] = feature_error(outputs, exact)
        close_runtimes |= {name.partition("-")[0]} if errors[name] <= LARGEST_ERROR else set()
    close = [name for name in images_per_second if errors[name] <= LARGEST_ERROR]
    choice = Choice(
        engine=max(close, key=images_per_second.__getitem__), images_per_second=images_per_second, errors=errors, faults=faults
    )
    if not known:
        write_atomically(path, choice.to_json())
    return choice


def _trial_order(images_per_second: dict[str, float]) -> list[str]:
    """Engines in the order of trial: quickly made ones first, then by known rates, then as their runtimes name them."""
    return sorted(engine_names(), key=lambda name: (_is_slow_to_make(name), -images_per_second.get(name, 0.0)))


def _is_slow_to_make(name: str) -> bool:
    return any(name.endswith(ending) for ending in _SLOW_TO_MAKE)


def _run(engine: Engine, sample: Bytes) -> tuple[Outputs, float]:
    """The outputs, and pictures a second after a warm-up; the sample is repeated where a batch takes more."""
    shown = np.concatenate([sample] * max(1, engine.batch_rows // len(sample)))
    batches = [shown[start : start + engine.batch_rows] for start in range(0, len(shown), engine.batch_rows)]
    list(engine.run(batches[:1]))
    begun = time.perf_counter()
    found = list(engine.run(batches))
    seconds = time.perf_counter() - begun
    return tuple(np.concatenate(part)[: len(sample)] for part in zip(*found, strict=True)), len(shown) / seconds


def feature_error(outputs: Outputs, exact: Outputs) -> float:
    """How far features are from exact ones, relative to how far pictures differ from one another.

    The root mean square, over the outputs [sample, feature], of the distance to the exact rows over that of the exact rows
    to their mean. Outputs that tell no two pictures apart are left out.
    """
    ratios = []
    for given, wanted in zip(outputs, exact, strict=True):
        scale = float(np.linalg.norm(wanted - wanted.mean(axis=0)))
        if scale > 1e-6 * max(float(np.linalg.norm(wanted)), 1e-30):
            ratios.append(float(np.linalg.norm(given - wanted)) / scale)
    return float(np.sqrt(np.mean(np.square(ratios)))) if ratios else 0.0
