"""One network taught by the ensemble, where unlabeled images are there to teach it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.planning.improving.rules.distillable import distillable

PARTNER = {"pretrained": "efficientnet_lite1", "input_pixels": 32, "method": {"kind": "ridge"}}
ENSEMBLE = {"method": {"kind": "ridge"}, "partners": [PARTNER], "shares": [0.3, 0.8]}


def with_unlabeled(evidence):
    rows = evidence.task.train.take(np.arange(17))
    return replace(evidence, task=replace(evidence.task, unlabeled=replace(rows, hidden_labels=np.full(17, -1, np.int64))))


def test_an_ensemble_teaches_one_of_its_networks(make_evidence):
    (said,) = distillable(with_unlabeled(make_evidence(plan=ENSEMBLE)))
    assert said.plan.pretrained == "efficientnet_lite1"
    assert said.plan.partners == ()
    assert said.reason == (
        "ensemble_distillation on stages+pixels of efficientnet_lite1 at 32 pixels, taught by 2 closed forms of the ensemble on "
        "17 unlabeled images. It costs one network in place of several."
    )


def test_without_unlabeled_images_or_without_an_ensemble_there_is_nothing_to_teach(make_evidence):
    assert not list(distillable(make_evidence(plan=ENSEMBLE)))
    assert not list(distillable(with_unlabeled(make_evidence(plan={"method": {"kind": "ridge"}}))))
