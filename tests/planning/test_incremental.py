"""Incremental learning in closed form: what is solved without some images, and how members predict together."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import Ridge

from headstart.backbones.loading import load_backbone
from headstart.core.errors import PlanError
from headstart.data.images import ImageSet
from headstart.data.task import Task
from headstart.heads.ridge_statistics import RidgeStatistics
from headstart.methods import method_from
from headstart.planning.incremental import Extendable, Solution, calibrated, extendable_of, left_out_together, shares_of
from headstart.planning.plan import Plan
from headstart.training.settings import Training

METHOD = {"kind": "ridge", "blocks": "penultimate"}
ABOUT = {"data": "squares", "pretrained": "pixels", "weights": "none", "method": METHOD}


def extendable(task: Task, pixels: int, views: int = 0) -> Extendable:
    """Ridge on raw pixels, 3 * pixels^2 features."""
    method = METHOD | {"views": views}
    model = method_from(method).fit(task, load_backbone("pixels", "none", pixels), Training())
    (one,), left_out = extendable_of(model, Plan(**ABOUT | {"method": method}, input_pixels=pixels), "run", 8)
    assert left_out == ()
    return one


def test_a_model_of_a_removed_method_cannot_be_extended_and_the_reason_is_said(pictures: Task) -> None:
    model = method_from(METHOD).fit(pictures, load_backbone("pixels", "none", 2), Training())
    with pytest.raises(PlanError) as caught:
        extendable_of(model, Plan(**ABOUT | {"method": {"kind": "kmm"}}, input_pixels=2), "run", 8)
    assert str(caught.value) == (
        "run cannot be extended (kmm on raw pixels: its method was removed in a later version). "
        "Put the new images beside the old ones, and run again."
    )


def probs_without(one: Extendable, images: ImageSet, rows: np.ndarray, solution: Solution) -> np.ndarray:
    """Probabilities of rows by scikit-learn's ridge on the other rows, at the share and the temperature of the solution."""
    seen = one.learned_from(images)
    inputs = np.asarray(one.inputs(seen), np.float64)
    rest = np.flatnonzero(~np.isin(np.arange(len(seen)) // one.rows_an_image, rows))
    share, temperature = solution.statistics["scalars"]
    alpha = share * RidgeStatistics.of(inputs[rest], seen.labels[rest], 3).mean_eigenvalue
    fit = Ridge(alpha=alpha).fit(inputs[rest], 2.0 * np.eye(3)[seen.labels[rest]] - 1)
    return softmax(fit.predict(inputs[rows * one.rows_an_image]) / temperature, axis=1)


@pytest.mark.parametrize(("pixels", "views"), [(2, 0), (8, 0), (2, 2), (8, 2)])  # fewer features than the 43 images, and more
def test_left_out_images_are_predicted_by_a_fit_to_the_others(pictures: Task, pixels: int, views: int) -> None:
    one, images = extendable(pictures, pixels, views), pictures.labeled
    sets = [fold.held_out for fold in pictures.folds]
    solution = Solution.of_images(one, images, sets)
    for rows, found in zip(sets, solution.left_out, strict=True):
        np.testing.assert_allclose(found.probs, probs_without(one, images, rows, solution), atol=1e-5)
        np.testing.assert_array_equal(found.labels, images.labels[rows])


@pytest.mark.parametrize("views", [0, 2])
def test_from_sums_left_out_images_are_predicted_by_a_fit_to_the_others(pictures: Task, views: int) -> None:
    one, images = extendable(pictures, 2, views), pictures.labeled
    old, new, rows = images.take(np.arange(7, 43)), images.take(np.arange(7)), np.arange(9, 20)
    solution = Solution.of_sums(one, one.fitted(old), new, [images.take(rows)])
    assert solution.fit is None
    np.testing.assert_allclose(solution.left_out[0].probs, probs_without(one, images, rows, solution), atol=1e-5)


def test_what_is_left_out_of_several_is_their_geometric_mean(pictures: Task) -> None:
    rows = pictures.folds[0].held_out
    solutions = [Solution.of_images(extendable(pictures, pixels), pictures.labeled, [rows]) for pixels in (2, 8)]
    first, second = (one.left_out[0].probs for one in solutions)
    powered = first**0.5 * second**1.5
    found = left_out_together(solutions, (0.5, 1.5), 0)
    np.testing.assert_allclose(found.probs, powered / powered.sum(axis=1, keepdims=True), atol=1e-8)
    np.testing.assert_array_equal(left_out_together(solutions[:1], (), 0).probs, first)


def test_the_shares_that_are_left_have_the_sum_of_all(pictures: Task) -> None:
    one = extendable(pictures, 2)
    model = SimpleNamespace(shares=(0.4, 0.6, 0.2))
    assert shares_of([one], model) == ()
    members = [SimpleNamespace(share=0.4), SimpleNamespace(share=0.2)]
    assert shares_of(members, model) == pytest.approx((0.8, 0.4))
    assert shares_of(members, SimpleNamespace(shares=())) == pytest.approx((2 / 3, 1 / 3))


def fits(labels: np.ndarray, right: float) -> list[SimpleNamespace]:
    """Two models that are sure of themselves and right as often as that."""
    draw = np.random.default_rng(2)
    probs = []
    for _ in range(2):
        said = np.where(draw.random(len(labels)) < right, labels, draw.integers(0, 3, len(labels)))
        probs.append(0.94 * np.eye(3)[said] + 0.02)
    return [SimpleNamespace(loo_rows=np.arange(len(labels)), loo_probs=one) for one in probs]


def test_shares_become_as_sure_as_left_out_images_show() -> None:
    labels = np.random.default_rng(3).integers(0, 3, 211)
    found = calibrated((0.5, 0.7), fits(labels, 0.6), labels, np.arange(211), (1, 1))
    assert sum(found) < 1.0  # they are wrong more often than the given shares say
    assert found[1] / found[0] == pytest.approx(0.7 / 0.5)
    assert calibrated((1.0, 1.4), fits(labels, 0.6), labels, np.arange(211), (1, 1)) == pytest.approx(found, rel=1e-3)


def test_members_with_views_and_without_are_compared_on_the_images_alone() -> None:
    labels = np.random.default_rng(4).integers(0, 3, 150)
    plain, seen = fits(labels, 0.6)
    views = fits(labels, 0.2)[0].loo_probs
    more = SimpleNamespace(
        loo_rows=np.arange(2 * len(labels)), loo_probs=np.stack([seen.loo_probs, views], axis=1).reshape(-1, 3)
    )
    found = calibrated((0.5, 0.7), [plain, more], labels, np.arange(150), (1, 2))
    assert found == pytest.approx(calibrated((0.5, 0.7), [plain, seen], labels, np.arange(150), (1, 1)))


def test_a_head_that_another_solver_solves_again_keeps_its_views(pictures: Task) -> None:
    method = {"kind": "logistic", "blocks": "penultimate", "views": 2, "flip": True}
    model = method_from(method).fit(pictures, load_backbone("pixels", "none", 2), Training())
    (one,), _ = extendable_of(model, Plan(**ABOUT | {"method": method}, input_pixels=2), "run", 8)
    assert one.planned.method == method | {"kind": "ridge"}


def test_shares_stay_where_there_is_one_model_or_too_little_to_tell() -> None:
    labels = np.array([0, 0, 1, 2])
    assert calibrated((), fits(labels, 0.9)[:1], labels, np.arange(4), (1,)) == ()
    assert calibrated((0.5, 0.7), fits(labels, 0.9), labels, np.arange(4), (1, 1)) == (0.5, 0.7)
