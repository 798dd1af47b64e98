"""Engines whose arithmetic the hardware has are tried in turn; the fastest close one is kept, and doubted for a reason."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from headstart.backbones import machine_speed
from headstart.backbones.backbone import Backbone
from headstart.backbones.engines import choice
from headstart.backbones.engines.base import Engine, Outputs
from headstart.backbones.engines.choice import (
    EQUAL,
    LARGEST_ERROR,
    REFERENCE,
    choose_engine,
    known_engine,
    note_reached,
    settle_engine,
)
from headstart.backbones.engines.chosen import Choice, choices
from headstart.backbones.engines.trial import ROUNDS, Trial, feature_error
from headstart.backbones.loading import load_backbone
from headstart.backbones.programs import Describe
from headstart.core.cores import num_cores
from headstart.core.errors import PretrainedError

pytestmark = pytest.mark.slow
PICTURES = np.zeros((64, 32, 32, 3), np.uint8)
BF16_LAPTOP = {"openvino-bf16": 300.0, "openvino-float32": 150.0, "torch-bf16": 90.0, REFERENCE: 20.0}
OLD_SERVER = {"openvino-float32": 97.0, REFERENCE: 13.0}


@dataclass
class Simulated:
    """A machine whose engines are as fast and as exact as said, on a clock that moves only while they run.

    Attributes:
        rates: Pictures a second of the native engines.
        errors: Of features.
        slowdown: What the next seconds of work are multiplied by.
        share: Of the cores, what its processes get.
        tried: What was made, in order.
        ran: What was timed, in order.
    """

    rates: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)
    slowdown: Callable[[], float] = lambda: 1.0
    share: float = 0.95
    now: float = 0.0
    tried: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def worked(self) -> float:
        return self.now * self.share * num_cores()

    def add(self, trial: Trial, program: Describe, pictures: object, name: str) -> None:
        self.tried.append(name)
        trial.add(name, lambda: SimulatedEngine(self, name))


class SimulatedEngine(Engine):
    batch_rows = 8

    def __init__(self, machine: Simulated, name: str) -> None:
        if machine.rates[name] == 0:
            raise RuntimeError("no such instruction")
        self.machine, self.name = machine, name

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[Outputs]:
        self.machine.ran.append(self.name)
        for start, batch in enumerate(batches):
            self.machine.now += len(batch) / self.machine.rates[self.name] * self.machine.slowdown()
            exact = np.linspace(start, start + 1, 2 * len(batch)).reshape(len(batch), 2)
            offset = self.machine.errors.get(self.name, 0.0) * np.array([1.0, 1.0])
            yield (exact + offset * np.sqrt(np.mean((np.linspace(0, 4, 64).reshape(32, 2) - 2) ** 2)),)


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADSTART_ENGINE")
    monkeypatch.setattr(choice, "_SETTLED", {})
    monkeypatch.setattr(choice, "_LAST_USED", OrderedDict())  # simulated engines are no other test's


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Simulated]:
    def made(rates: dict[str, float], **options: object) -> Simulated:
        machine = Simulated(rates, **options)
        monkeypatch.setattr(choice, "_added", machine.add)
        monkeypatch.setattr(choice, "native_engine_names", lambda: list(rates))
        monkeypatch.setattr(choice, "engine_names", lambda: list(rates))
        monkeypatch.setattr(choice, "Trial", partial(Trial, clock=lambda: machine.now, processor_clock=machine.worked))
        monkeypatch.setattr(choice.time, "perf_counter", lambda: machine.now)
        monkeypatch.setattr(choice, "_reference_seconds", lambda program: 1 / rates[REFERENCE] if rates[REFERENCE] else 1.0)
        choice._SETTLED.clear()  # as a new process
        return machine

    return made


def _network(seed: int = 0, pixels: int = 32, name: str = "timm/test_efficientnet") -> Backbone:
    return load_backbone(name, weights="none", input_pixels=pixels, seed=seed)


def _pictures(count: int) -> np.ndarray:
    return PICTURES[:count]


def _chosen(backbone: Backbone, num_images: int = 1_000) -> str:
    return choose_engine(Describe(backbone), _pictures, num_images)


def _settled(backbone: Backbone, num_images: int = 1_000, num_missing: int | None = None) -> str:
    missing = num_images if num_missing is None else num_missing
    return settle_engine(Describe(backbone), _pictures, num_images, lambda: missing)


def test_a_processor_without_bf16_tries_openvino_float32_and_never_bf16(simulate: Callable[..., Simulated]) -> None:
    machine = simulate(OLD_SERVER)
    assert _chosen(_network()) == "openvino-float32"
    assert machine.tried == [REFERENCE, "openvino-float32"]


def test_every_native_precision_is_tried_also_where_another_one_is_close(simulate: Callable[..., Simulated]) -> None:
    machine = simulate(BF16_LAPTOP)
    assert _chosen(_network()) == "openvino-bf16"
    assert sorted(machine.tried) == sorted(BF16_LAPTOP)
    machine = simulate({**BF16_LAPTOP, "openvino-bf16": 31.0})  # listed as native, and emulated all the same
    assert _chosen(_network(1, name="timm/test_resnet")) == "openvino-float32"


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({REFERENCE: 20.0}, REFERENCE),
        ({"torch-bf16": 90.0, REFERENCE: 20.0}, "torch-bf16"),
        ({"onnx-float32": 80.0, REFERENCE: 40.0}, "onnx-float32"),
        ({"openvino-fp16": 120.0, "openvino-float32": 70.0, REFERENCE: 30.0}, "openvino-fp16"),  # ARM
        ({"openvino-bf16": 0.0, "openvino-float32": 70.0, REFERENCE: 30.0}, "openvino-float32"),  # an engine that raises
    ],
)
def test_other_machines(simulate: Callable[..., Simulated], rates: dict[str, float], expected: str) -> None:
    simulate(rates)
    assert _chosen(_network()) == expected
    (made,) = choices()
    assert made.faults == ({"openvino-bf16": "no such instruction"} if "openvino-bf16" in rates else {})


def test_a_reference_that_fails_is_one_sentence(simulate: Callable[..., Simulated]) -> None:
    simulate({REFERENCE: 0.0})
    with pytest.raises(PretrainedError) as caught:
        _chosen(_network())
    assert str(caught.value) == "timm/test_efficientnet cannot be run: no such instruction"


def test_the_fastest_engine_within_the_bound_is_taken(simulate: Callable[..., Simulated]) -> None:
    simulate(BF16_LAPTOP, errors={"openvino-bf16": LARGEST_ERROR + 0.01})
    assert _chosen(_network()) == "openvino-float32"
    simulate(BF16_LAPTOP, errors={"openvino-bf16": LARGEST_ERROR - 0.01})
    assert _chosen(_network(1, name="timm/test_resnet")) == "openvino-bf16"


def test_of_equally_fast_engines_the_exact_one_is_taken(simulate: Callable[..., Simulated]) -> None:
    simulate({"openvino-bf16": 100.0 * (EQUAL - 0.01), "openvino-float32": 100.0, REFERENCE: 20.0})
    assert _chosen(_network()) == "openvino-float32"
    simulate({"openvino-bf16": 100.0 * (EQUAL + 0.01), "openvino-float32": 100.0, REFERENCE: 20.0})
    assert _chosen(_network(1, name="timm/test_resnet")) == "openvino-bf16"


@pytest.mark.parametrize("slowdown", [1.0, 3.0], ids=["idle", "beside other programs"])
def test_few_pictures_are_left_to_the_reference_by_operations_and_not_by_a_clock(
    slowdown: float, simulate: Callable[..., Simulated]
) -> None:
    machine = simulate(BF16_LAPTOP, slowdown=lambda: slowdown)
    assert _chosen(_network(), 39) == REFERENCE
    assert known_engine(_network()) is None
    assert _chosen(_network(), 39) == _chosen(_network(), 0) == REFERENCE
    assert machine.tried == []
    assert choices() == []
    assert _chosen(_network(), 41) == "openvino-bf16"


def test_what_the_reference_takes_is_its_operations_times_the_slowness_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [_network(), _network(pixels=64)]
    monkeypatch.setattr(machine_speed, "slowness", lambda: 1.0)
    small, large = (choice._reference_seconds(Describe(one)) for one in networks)
    assert 1e-5 < small < large < 1e-1
    monkeypatch.setattr(machine_speed, "slowness", lambda: 8.0)
    assert choice._reference_seconds(Describe(networks[0])) == pytest.approx(8 * small)


def test_engines_that_take_long_to_make_are_tried_for_many_pictures_only(simulate: Callable[..., Simulated]) -> None:
    machine = simulate({"openvino-int8": 400.0, **BF16_LAPTOP})
    assert _chosen(_network(), 17_000) == "openvino-bf16"
    assert "openvino-int8" not in machine.tried
    assert _chosen(_network(1), 19_000) == "openvino-int8"


def test_contenders_are_timed_in_turn_and_others_once(simulate: Callable[..., Simulated]) -> None:
    rates = {"openvino-bf16": 1300.0, "openvino-float32": 1000.0, "torch-bf16": 100.0, REFERENCE: 20.0}
    machine = simulate(rates)
    _chosen(_network())
    turns = machine.ran[2 * len(rates) :]  # each was warmed up and timed once before
    assert turns == ["openvino-bf16", "openvino-float32"] * ROUNDS


def test_noise_does_not_change_the_engine(simulate: Callable[..., Simulated]) -> None:
    noise = np.random.default_rng(0)
    for seed in range(20):
        simulate(
            {"openvino-bf16": 120.0, "openvino-float32": 100.0, REFERENCE: 20.0},
            slowdown=lambda: 1 + abs(noise.normal()) * 0.1,
        )
        assert _chosen(_network(seed, pixels=32 + seed)) == "openvino-bf16"


def test_a_choice_is_remembered_for_the_weights(simulate: Callable[..., Simulated]) -> None:
    simulate(BF16_LAPTOP)
    first = _network()
    assert _chosen(first) == first.engine == "openvino-bf16"
    machine = simulate(BF16_LAPTOP)
    assert known_engine(_network()) == _settled(_network()) == "openvino-bf16"
    assert known_engine(_network(seed=1)) is None
    assert machine.tried == []
    (made,) = choices()
    assert (made.network, made.reached) == ("timm/test_efficientnet at 32 pixels", None)
    assert made.promised == pytest.approx(300.0)
    assert made.trial_seconds > 0
    assert made.machine == choice.this_machine()


def test_a_choice_of_the_first_format_is_read() -> None:
    made = Choice(engine="torch", images_per_second={"torch": 3.5}, errors={"torch": 0.0})
    assert Choice.from_json('{"engine": "torch", "rates": {"torch": 3.5}, "errors": {"torch": 0.0}}') == made


def test_other_weights_of_an_architecture_try_the_fastest_of_it_but_check_errors(simulate: Callable[..., Simulated]) -> None:
    simulate(BF16_LAPTOP)
    _chosen(_network())
    machine = simulate(BF16_LAPTOP)
    assert _chosen(_network(seed=1)) == "openvino-bf16"
    assert machine.tried == [REFERENCE, "openvino-bf16"]
    machine = simulate(BF16_LAPTOP, errors={"openvino-bf16": 1.0})
    assert _chosen(_network(seed=2)) == "openvino-float32"
    assert machine.tried == [REFERENCE, "openvino-bf16", "openvino-float32", "torch-bf16"]


def test_the_order_found_under_load_counts_for_an_hour(
    simulate: Callable[..., Simulated], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(BF16_LAPTOP, share=0.67)
    _chosen(_network())
    machine = simulate(BF16_LAPTOP)
    _chosen(_network(seed=1))
    assert machine.tried == [REFERENCE, "openvino-bf16"]
    monkeypatch.setattr(choice, "LOAD_SECONDS", -1.0)
    machine = simulate(BF16_LAPTOP)
    _chosen(_network(seed=2))
    assert sorted(machine.tried) == sorted(BF16_LAPTOP)
    machine = simulate(BF16_LAPTOP)
    _chosen(_network(seed=3))
    assert machine.tried == [REFERENCE, "openvino-bf16"]  # the second was not made under load


@pytest.mark.parametrize("seen", ["share", "rounds"])
def test_a_choice_made_under_load_is_tried_again(simulate: Callable[..., Simulated], seen: str) -> None:
    if seen == "share":
        simulate({**BF16_LAPTOP, "openvino-bf16": 140.0}, share=0.67)
    else:
        factors = iter([*[1.0] * 35, *[3.0] * 500])
        simulate({**BF16_LAPTOP, "openvino-bf16": 140.0}, slowdown=lambda: next(factors))
    assert _settled(_network()) == "openvino-float32"
    (made,) = choices()
    assert made.under_load
    machine = simulate(BF16_LAPTOP)
    assert _settled(_network(), 100) == "openvino-float32"  # a trial would cost more than it can save
    choice._SETTLED.clear()
    assert _settled(_network(), 10_000, num_missing=9_999) == "openvino-float32"  # a picture has features already
    choice._SETTLED.clear()
    assert machine.tried == []
    assert _settled(_network(), 10_000) == "openvino-bf16"
    assert not any(made.in_doubt for made in choices())


def test_the_engine_stays_within_a_process_and_with_a_backbone(simulate: Callable[..., Simulated]) -> None:
    simulate(OLD_SERVER)
    kept = _network()
    assert _settled(kept) == "openvino-float32"
    note_reached(kept, 5_000, 1.0)
    assert choices()[0].in_doubt
    assert _settled(_network(), 10_000) == "openvino-float32"
    machine = simulate(BF16_LAPTOP)
    assert _settled(kept, 10_000) == "openvino-float32"
    assert machine.tried == []
    assert _settled(_network(), 10_000) == "openvino-bf16"


def test_a_rate_that_falls_short_of_the_promised_one_is_noted_and_doubted(simulate: Callable[..., Simulated]) -> None:
    simulate(OLD_SERVER)
    backbone = _network()
    _settled(backbone)
    for num_images, rate, reached, in_doubt in (
        (100, 1.0, None, False),
        (1_000, 0.0, None, False),
        (1_000, 60.0, 60.0, False),
        (1_000, 40.0, 40.0, True),
    ):
        note_reached(backbone, num_images, rate)
        (made,) = choices()
        assert (made.reached, made.in_doubt) == (reached, in_doubt)
    backbone.engine = "torch-bf16"
    note_reached(backbone, 1_000, 90.0)
    assert choices() == [made]


def test_of_equally_fast_engines_another_trial_keeps_the_one_before(simulate: Callable[..., Simulated]) -> None:
    rates = {"openvino-bf16": 104.0, "openvino-float32": 80.0, REFERENCE: 20.0}
    simulate(rates)
    backbone = _network()
    assert _settled(backbone, 10_000) == "openvino-bf16"
    note_reached(backbone, 5_000, 1.0)
    machine = simulate({**rates, "openvino-float32": 102.0})
    assert _settled(_network(), 10_000) == "openvino-bf16"
    assert machine.tried


def test_a_requested_engine_is_never_tried(simulate: Callable[..., Simulated], monkeypatch: pytest.MonkeyPatch) -> None:
    machine = simulate(BF16_LAPTOP)
    monkeypatch.setenv("HEADSTART_ENGINE", "torch-float32")
    assert _settled(_network(), 10_000) == "torch-float32"
    assert machine.tried == []
    monkeypatch.delenv("HEADSTART_ENGINE")
    assert known_engine(_network()) is None


def test_a_choice_that_names_an_engine_gone_since_counts_no_more(
    simulate: Callable[..., Simulated], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "machine_fingerprint", str)
    simulate(BF16_LAPTOP)
    _chosen(_network())
    monkeypatch.setattr(choice, "engine_names", lambda: [REFERENCE])
    assert known_engine(_network()) is None


def test_feature_error_is_relative_to_how_pictures_differ() -> None:
    exact = (np.array([[1.0, 0.0], [3.0, 0.0]]), np.ones((2, 3)))
    given = (np.array([[1.0, 0.5], [3.0, 0.5]]), np.ones((2, 3)) + 9)
    assert feature_error(given, exact) == pytest.approx(0.5)
    assert feature_error(exact, exact) == 0.0
