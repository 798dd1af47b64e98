"""Choice: the fastest engine whose features stay close enough to exact ones, found by trying all that the hardware supports."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.backbones.batch_rows import rows_that_fit
from headstart.backbones.descriptions import Description
from headstart.backbones.engines.base import Engine, Pictures
from headstart.backbones.engines.chosen import PREFIX, Choice, choices_folder
from headstart.backbones.engines.kept_engines import RUNTIMES, kept_engine
from headstart.backbones.engines.machine import engine_names, machine_fingerprint, native_engine_names, this_machine
from headstart.backbones.engines.trial import CONTENDER, Trial
from headstart.backbones.extractor import Extractor
from headstart.core.dropping import cached_record
from headstart.core.errors import MissingExtraError, PlanError, PretrainedError, did_you_mean
from headstart.core.records import fingerprint_of, write_atomically

if TYPE_CHECKING:  # a prediction on an engine that was kept takes no PyTorch
    from headstart.backbones.programs import Program

REFERENCE = "torch-float32"
LARGEST_ERROR = 0.15
"""Of features, as `feature_error` measures it. bf16 stays near 0.08 on EfficientNet-Lite and costs no accuracy that three seeds
of three sets could show; 8-bit integers reach 0.4 and more there."""
SAMPLE_ROWS = 32
"""Images that an engine is tried on."""
MIN_REFERENCE_SECONDS = 2.0
"""Other engines are tried where the reference would take longer than this by its operations, which is about what making another
engine takes. A clock beside other programs would leave pictures to another engine than on an idle machine."""
WORTH_MAKING = 2.0
"""An engine that takes long to make is tried where the best of the others would take so many times the seconds of its making."""
EQUAL = 1.05
"""Engines whose rates differ by no more than this factor count as equally fast: the most exact of them is taken, so that the same
command gives the same engine again. Chosen, not measured; half of what the choice may lose."""
RETRY_SHARE = 0.1
"""An engine that is doubted is tried again where the trial takes no more than this share of the extraction that follows."""
LOAD_SECONDS = 3600.0
"""So long the order of engines found under load is used for networks of the same family: a run meets the same load. Chosen, not
measured."""
REACHED_ROWS = 256
"""A rate is compared with the promised one where so many pictures were extracted at once. Chosen, not measured."""
KEPT_SECONDS = 0.5
"""An engine that takes longer to make stays in memory; others would take its place. Chosen, not measured."""
MOST_ENGINES = 2
"""Engines kept in memory: each takes 50 MB or more, and making one takes a second or more."""


_EXACT: ContextVar[bool] = ContextVar("exact", default=False)


@contextmanager
def exact_features() -> Iterator[None]:
    """Inside, the reference computes features, whatever was chosen or is asked for; backbones used here keep it."""
    token = _EXACT.set(True)
    try:
        yield
    finally:
        _EXACT.reset(token)


def requested_engine() -> str | None:
    """The engine that `HEADSTART_ENGINE` names; None where the variable is unset, empty or "auto"."""
    if _EXACT.get():
        return REFERENCE
    name = os.environ.get("HEADSTART_ENGINE", "")
    return None if name in ("", "auto") else check_engine(name, "HEADSTART_ENGINE")


def check_engine(name: str, where: str) -> str:
    """The name; `PlanError` where there is no such engine, `MissingExtraError` where it cannot run here."""
    runtime, _, precision = name.partition("-")
    if runtime in RUNTIMES.names():
        if precision in RUNTIMES.get(runtime)().precisions():
            return name
        raise MissingExtraError(
            f'{where} = "{name}" cannot run here. {RUNTIMES.get(runtime)().remedy(precision)} Here there are '
            f"{', '.join(engine_names())}; HEADSTART_ENGINE chooses one, and features then differ by less than "
            f"{LARGEST_ERROR:.0%}."
        )
    near = did_you_mean(name, engine_names())
    raise PlanError(f'{where} = "{name}" is not an engine.{near} Here there are {", ".join(engine_names())}.')


_LAST_USED: OrderedDict[str, Engine] = OrderedDict()


def _last_used(key: str, make: Callable[[], Engine]) -> Engine:
    """The engine of that key, made unless it is among the last ones used."""
    engine = _LAST_USED.pop(key, None) or make()
    _LAST_USED[key] = engine
    while len(_LAST_USED) > max(MOST_ENGINES, _wanted):
        _LAST_USED.popitem(last=False)
    return engine


_wanted = 0


def keep_engines(count: int) -> None:
    """Keep at least so many engines in memory, for a process that uses them in turn: with fewer, each use makes one anew."""
    global _wanted  # noqa: PLW0603  what a process keeps is a matter of the process
    _wanted = count


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

    return _last_used(_used_key(name, program), make) if _is_worth_keeping(name) else make()


def _is_worth_keeping(name: str) -> bool:
    return _making_seconds(name) > KEPT_SECONDS


def _used_key(name: str, program: Program | Description) -> str:
    return f"{name} {program.content_key}"


def engine_of(program: Program | Description, pictures: Pictures) -> Engine:
    """The program on the engine that was chosen for its backbone, or on the reference; pictures are for calibration."""
    return engine_named(known_engine(program.backbone) or REFERENCE, program, pictures)


_SETTLED: dict[Path, str] = {}
"""Engines that this process extracts features with, by the file of their choice: features of one run come from one engine."""


def known_engine(backbone: Extractor) -> str | None:
    """The engine that runs the backbone; None where engines have to be tried.

    What `HEADSTART_ENGINE` names comes first, then what ran the backbone before, then what was found fastest for the same
    weights on this machine.
    """
    requested = requested_engine()
    if requested or backbone.engine:
        return requested or check_engine(str(backbone.engine), f"the engine of {backbone.card.name}")
    settled = _SETTLED.get(_choice_file(backbone))
    if settled in engine_names():
        return settled
    choice = _tried(_choice_file(backbone))
    return choice.engine if choice else None


def settle_engine(program: Program | Description, pictures: Pictures, num_images: int, num_missing: Callable[[], int]) -> str:
    """Set the backbone's engine, which stays the same within a process, and return its name.

    Engines are tried where none is known. Where the known choice is in doubt, they are tried again if none of the pictures has
    features yet and the trial costs little beside their extraction.

    Args:
        program: Of the backbone.
        pictures: The pictures whose features are wanted.
        num_images: How many they are.
        num_missing: Gives how many of them have no features by the known engine yet.

    Returns:
        The engine's name, as in `engine_names`.
    """
    backbone = program.backbone
    known = known_engine(backbone)
    if known and (backbone.engine or requested_engine()):
        backbone.engine = known
        return known
    if known is None or _is_worth_another_trial(backbone, num_images, num_missing):
        return choose_engine(program, pictures, num_missing())
    _SETTLED.setdefault(_choice_file(backbone), known)
    backbone.engine = known
    return known


def _is_worth_another_trial(backbone: Extractor, num_images: int, num_missing: Callable[[], int]) -> bool:
    path = _choice_file(backbone)
    choice = None if path in _SETTLED else _tried(path)
    if choice is None or not choice.in_doubt or not choice.promised:
        return False
    worthwhile = choice.trial_seconds < RETRY_SHARE * num_images / choice.promised
    return worthwhile and num_missing() == num_images


def choose_engine(program: Program | Description, pictures: Pictures, num_images: int) -> str:
    """Set the backbone's engine to the fastest for so many images, and return its name.

    Engines are tried where the reference takes longer than `MIN_REFERENCE_SECONDS`, and pictures are so small that whole batches
    fit into memory: the reference alone takes batches of any size. The choice is cached, so that fits and predictions agree.
    """
    backbone, path = program.backbone, _choice_file(program.backbone)
    known = _read(path)
    fits = rows_that_fit(backbone, SAMPLE_ROWS) == SAMPLE_ROWS
    if not fits or not num_images or num_images * _reference_seconds(program) <= MIN_REFERENCE_SECONDS:
        backbone.engine = REFERENCE
        return REFERENCE
    choice = _choice(program.loaded(), pictures, num_images, known.engine if known and known.errors else None)
    write_atomically(path, choice.to_json())
    _SETTLED[path] = choice.engine
    backbone.engine = choice.engine
    return choice.engine


def _reference_seconds(program: Program | Description) -> float:
    """Seconds that the reference takes for one picture by its operations: a busy machine expects what an idle one does."""
    from headstart.backbones.machine_speed import slowness  # noqa: PLC0415 - to predict takes no torch
    from headstart.backbones.operations import seconds_of_reference  # noqa: PLC0415

    return slowness() * seconds_of_reference(program.loaded(), program.backbone.transform)


def note_reached(backbone: Extractor, num_images: int, images_per_second: float) -> None:
    """Keep the rate that the backbone's chosen engine reached in an extraction of so many images, 0 where it is not known."""
    if not _SETTLED or num_images < REACHED_ROWS or not images_per_second:
        return
    path = _choice_file(backbone)
    choice = _tried(path) if path in _SETTLED else None
    if choice and choice.engine == backbone.engine:
        write_atomically(path, choice.model_copy(update={"reached": images_per_second}).to_json())


def _choice_file(backbone: Extractor) -> Path:
    key = fingerprint_of([backbone.weights_hash, backbone.transform.to_dict(), machine_fingerprint()])
    return choices_folder() / f"{PREFIX}{key}.json"


def _read(path: Path) -> Choice | None:
    choice = cached_record(path, Choice)
    return choice if choice and choice.engine in engine_names() else None


def _tried(path: Path) -> Choice | None:
    """The choice in that file; None where there is none, or where only the reference was run for few pictures."""
    choice = _read(path)
    return choice if choice and choice.errors else None


def _choice(program: Program, pictures: Pictures, num_images: int, before: str | None) -> Choice:
    """The choice by trial; `before` is the engine of an earlier one."""
    begun = time.perf_counter()
    trial = Trial(pictures(SAMPLE_ROWS))
    make = partial(_added, trial, program, pictures)
    make(REFERENCE)
    if REFERENCE in trial.faults:
        raise PretrainedError(f"{program.backbone.card.name} cannot be run: {trial.faults[REFERENCE]}")
    _try_others(trial, make, program, num_images, before)
    choice = Choice(
        engine=_fastest(trial, before),
        images_per_second=trial.images_per_second,
        errors=trial.errors,
        faults=trial.faults,
        network=f"{program.backbone.card.name} at {program.backbone.transform.pixels} pixels",
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        trial_seconds=time.perf_counter() - begun,
        share=trial.share,
        unsteadiness=trial.unsteadiness,
        machine=this_machine(),
    )
    if before or _known_rates(program) is None:
        write_atomically(_rates_file(program), choice.to_json())
    if _is_worth_keeping(choice.engine):
        _last_used(_used_key(choice.engine, program), lambda: trial.engines[choice.engine])
    return choice


def _try_others(trial: Trial, make: Callable[[str], None], program: Program, num_images: int, before: str | None) -> None:
    """Try every native engine that is quickly made, and the others where there are many pictures."""
    known = None if before else _known_rates(program)  # which may be what made the earlier choice a wrong one
    _try_quick(trial, make, {} if known is None else known.images_per_second)
    for name in filter(_is_slow_to_make, native_engine_names()):
        fastest = _fastest(trial, before)
        if num_images / trial.images_per_second[fastest] > WORTH_MAKING * _making_seconds(name):
            make(name)
            trial.repeat([fastest, *_close(trial, [name])])


def _added(trial: Trial, program: Program, pictures: Pictures, name: str) -> None:
    runtime, _, precision = name.partition("-")
    folder = program.content_key.calibration_folder
    trial.add(name, lambda: RUNTIMES.get(runtime)().engine(program, precision, pictures, folder))


def _try_quick(trial: Trial, make: Callable[[str], None], known: dict[str, float]) -> None:
    """Try the engines that are quickly made: all, or where rates of the same architecture are known, the fastest of those.

    Errors are never taken over: where none of the fastest is close enough to exact features, the others are tried.
    """
    names = [name for name in native_engine_names() if not _is_slow_to_make(name)]
    likely = [name for name in names if known.get(name, 0.0) * CONTENDER > max(known.values(), default=0.0)]
    for group in (likely, [name for name in names if name not in likely]):
        for name in group:
            if name != REFERENCE:
                make(name)
        if _close(trial, group):
            break
    trial.repeat(_close(trial, names))


def _close(trial: Trial, names: list[str]) -> list[str]:
    """Those engines whose features are close enough to exact ones."""
    return [name for name in names if trial.errors.get(name, LARGEST_ERROR + 1) <= LARGEST_ERROR]


def _fastest(trial: Trial, before: str | None) -> str:
    """The fastest close engine; of equally fast ones that of an earlier choice, else the most exact, else the first by name."""
    close = _close(trial, list(trial.images_per_second))
    best = max(trial.images_per_second[name] for name in close)
    equal = [name for name in close if trial.images_per_second[name] * EQUAL >= best]
    return min(equal, key=lambda name: (name != before, not name.endswith("float32"), name))


def _known_rates(program: Program) -> Choice | None:
    """The first choice for a network of the same family; one that was made under load counts for an hour."""
    choice = _tried(_rates_file(program))
    if choice is None or not choice.under_load:
        return choice
    age = datetime.now(UTC) - datetime.fromisoformat(choice.made)
    return choice if age.total_seconds() < LOAD_SECONDS else None


def _rates_file(program: Program) -> Path:
    """Of the rates for networks of the same family (architectures that differ in the number they end with) and input size."""
    card = program.backbone.card
    family = [card.architecture.rstrip("0123456789"), program.backbone.transform.pixels, type(program).__name__]
    return choices_folder() / f"family-{fingerprint_of([family, machine_fingerprint()])}.json"


def _making_seconds(name: str) -> float:
    runtime, _, precision = name.partition("-")
    return RUNTIMES.get(runtime)().making_seconds(precision)


def _is_slow_to_make(name: str) -> bool:
    return _making_seconds(name) > MIN_REFERENCE_SECONDS
