"""Ridge on rows that workers read gives the solution of one process, and never has all rows in one place."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from elsewhere import Elsewhere

from headstart.core import row_sums, rows
from headstart.core.executing import executing_on
from headstart.core.row_sums import column_means, joined_in_pairs, span_rows
from headstart.core.rows import LazyRows, excerpt, taken
from headstart.features.feature_set import FeatureSet
from headstart.features.representation import Representation
from headstart.features.store import store as store_module
from headstart.features.store.floats import as_floats
from headstart.features.store.store import Store, store_at
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.heads.ridge_statistics import RidgeStatistics
from headstart.methods.heads import ridge_head

NUM, WIDTH, CLASSES = 5003, 7, 3
KEYS = [f"picture {row}" for row in range(NUM)]


@pytest.fixture(autouse=True)
def _many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    for module in (rows, row_sums, store_module):
        monkeypatch.setattr(module, "IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(row_sums, "FEWEST_CHUNKS", 1)
    monkeypatch.setattr(row_sums, "ROWS_A_FEATURE", 1)


def labels_of() -> np.ndarray:
    draw = np.random.default_rng(0)
    return (draw.integers(0, CLASSES, NUM) * draw.integers(0, 2, NUM)).astype(np.int64)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    draw = np.random.default_rng(1)
    stored = store_at(tmp_path / "cache" / "features" / "net")
    centers = 2 * draw.normal(size=(CLASSES, WIDTH))
    for start in range(0, NUM, 700):
        labels = labels_of()[start : start + 700]
        stages = draw.normal(size=(len(labels), WIDTH)) + centers[labels] + 3
        pixels = draw.integers(0, 256, (len(labels), 5), dtype=np.uint8)
        stored.add(KEYS[start : start + 700], {"stage.0": stages.astype(np.float32), "pixels": pixels})
    stored.missing(KEYS)
    return stored


def features_in(store: Store) -> FeatureSet:
    found = store.gather(KEYS)
    return FeatureSet((found["stage.0"],), as_floats(found["pixels"]), None, ("last",))


def test_the_head_is_that_of_one_process(store: Store, tmp_path: Path) -> None:
    alone, temperature = ridge_head(features_in(store), labels_of(), CLASSES, groups=np.arange(NUM) // 2)
    executor = Elsewhere(tmp_path / "other")
    with executing_on(executor):
        store_at.cache_clear()
        together, other_temperature = ridge_head(features_in(store), labels_of(), CLASSES, groups=np.arange(NUM) // 2)
    assert set(executor.sizes) == {"sums over rows"}
    # Two blocks, their joined rows, the targets, and the Gram matrix, in five spans each.
    assert len(executor.sizes["sums over rows"]) == 25
    np.testing.assert_allclose(together.weight, alone.weight, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(together.bias, alone.bias, rtol=1e-10)
    assert other_temperature == pytest.approx(temperature, rel=1e-8)


def test_the_solution_is_that_of_one_process_to_rounding(store: Store) -> None:
    features, labels = features_in(store), labels_of()
    seen = Representation.fitted(features, "stages+pixels").rows(features)
    alone = fit_ridge(seen, labels, CLASSES)
    with executing_on(Elsewhere()):
        together = fit_ridge(seen, labels, CLASSES)
    np.testing.assert_allclose(together.weight, alone.weight, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(together.bias, alone.bias, rtol=1e-10)
    assert together.penalty == pytest.approx(alone.penalty, rel=1e-12)


def test_sums_kept_for_later_images_are_those_of_one_process(store: Store) -> None:
    rows = features_in(store).penultimate
    alone = RidgeStatistics.of(rows, labels_of(), CLASSES)
    with executing_on(Elsewhere()):
        together = RidgeStatistics.of(rows, labels_of(), CLASSES)
    np.testing.assert_allclose(together.gram, alone.gram, rtol=1e-13)
    np.testing.assert_allclose(together.sums, alone.sums, rtol=1e-12)
    np.testing.assert_array_equal(together.counts, alone.counts)


@pytest.mark.parametrize("num_workers", [1, 2, 7])
def test_the_number_of_workers_changes_no_bit(store: Store, num_workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = features_in(store).penultimate
    with executing_on(Elsewhere()):
        first = fit_ridge(seen, labels_of(), CLASSES)
    monkeypatch.setattr(Elsewhere, "most_pending", num_workers)
    with executing_on(Elsewhere()):
        second = fit_ridge(seen, labels_of(), CLASSES)
    np.testing.assert_array_equal(first.weight, second.weight)
    np.testing.assert_array_equal(first.loo_scores, second.loo_scores)


def test_a_work_carries_the_keys_of_its_rows_and_not_the_rows(store: Store) -> None:
    seen = Representation.fitted(features_in(store), "stages+pixels").rows(features_in(store))
    assert isinstance(seen, LazyRows)
    part = np.arange(1024, 2048)
    content = pickle.dumps(excerpt(seen, part))
    assert len(content) < 1024 * (16 + len(KEYS[0]) + 10) + 3000
    np.testing.assert_array_equal(np.asarray(pickle.loads(content)), seen[part])


def test_rows_of_rows_are_cut_too(store: Store) -> None:
    chosen = np.random.default_rng(0).permutation(NUM)[:2000]
    some = taken(features_in(store).penultimate, chosen)
    assert isinstance(some, LazyRows)
    part = np.arange(100, 900)
    cut = pickle.loads(pickle.dumps(excerpt(some, part)))
    assert isinstance(cut, LazyRows)
    np.testing.assert_array_equal(np.asarray(cut), some[part])


def test_chunks_that_were_merged_meanwhile_are_found_again(store: Store, tmp_path: Path) -> None:
    seen = features_in(store).penultimate
    content = pickle.dumps(excerpt(seen, np.arange(1024)))
    expected = seen[np.arange(1024)]
    whole = store.gather(KEYS)
    merged = {name: np.asarray(array) for name, array in whole.items()}
    for path in store.folder.glob("*.safetensors"):
        path.unlink()
    Store(store.folder).add(KEYS, merged)
    store_at.cache_clear()
    np.testing.assert_array_equal(np.asarray(pickle.loads(content)), expected)


class WithoutTheStore(Elsewhere):
    """A machine where the folder of the features is absent."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    @contextmanager
    def on_the_other_machine(self) -> Iterator[None]:
        hidden = self.folder.rename(self.folder.with_name("hidden"))
        store_at.cache_clear()
        try:
            with super().on_the_other_machine():
                yield
        finally:
            hidden.rename(self.folder)


def test_rows_that_no_worker_sees_are_summed_here(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = features_in(store).penultimate
    alone = column_means(seen)
    monkeypatch.delenv("HEADSTART_QUIET")
    executor = WithoutTheStore(store.folder)
    with executing_on(executor):
        together = column_means(seen)
    assert len(executor.sizes["sums over rows"]) == 4  # those that were begun when the first result came
    np.testing.assert_allclose(together, alone, rtol=1e-14)
    assert " ".join(capsys.readouterr().err.split()) == (
        "The machines of the cluster do not see the features in this machine's cache: it sums over them alone. Let "
        "HEADSTART_CACHE name a folder on a disk that all share, or HEADSTART_STORE an address such as s3://bucket/features."
    )


def test_few_rows_and_rows_in_memory_are_summed_here(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Elsewhere()
    with executing_on(executor):
        column_means(np.asarray(features_in(store).penultimate))
        column_means(LazyRows((NUM, 2), lambda part: np.ones((len(np.arange(NUM)[part]), 2), np.float32)))
        monkeypatch.setattr(row_sums, "IN_MEMORY_BYTES", 2**28)
        column_means(features_in(store).penultimate)
    assert executor.sizes == {}


@pytest.mark.parametrize("num", [1, 2, 3, 5, 8, 13])
def test_pairs_are_joined_as_a_tree(num: int) -> None:
    def tree(low: int, high: int) -> str:
        if high - low == 1:
            return str(low)
        half = 1 << (high - low - 1).bit_length() - 1
        return f"({tree(low, low + half)}+{tree(low + half, high)})"

    class Text:
        def __init__(self, text: str) -> None:
            self.text = text

        def __add__(self, other: Text) -> Text:
            return Text(f"({self.text}+{other.text})")

    (total,) = joined_in_pairs((np.array(Text(str(one)), object),) for one in range(num))
    assert total.item().text == tree(0, num)


def test_spans_are_whole_chunks_long_against_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_sums, "FEWEST_CHUNKS", 16)
    monkeypatch.setattr(row_sums, "ROWS_A_FEATURE", 32)
    assert [span_rows(width) for width in (1, 512, 1280, 5000)] == [16_384, 16_384, 40_960, 160_768]
