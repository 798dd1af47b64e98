from __future__ import annotations

import numpy as np
import torch

from headstart.backbones.loading import load_backbone
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.training.ridge_start import fitted_classifier


def test_pretrained_weights_start_at_the_ridge_head_and_keep_statistics(pictures: ImageSet) -> None:
    backbone = load_backbone("small_cnn", "none", 8, seed=1)
    backbone.weights = "pretrained"
    learner = fitted_classifier(backbone, pictures, 0.5, 0.7, 0.9)
    assert (learner.frozen_statistics, learner.body_scale, learner.stage_decay, learner.block_decay) == (True, 0.5, 0.7, 0.9)
    features = np.asarray(features_of(pictures, backbone).penultimate)
    fit = fit_ridge(features, pictures.labels, 3, groups=pictures.groups)
    np.testing.assert_allclose(learner.head.weight.detach().numpy(), fit.weight.T / fit.temperature, rtol=1e-5)
    np.testing.assert_allclose(learner.head.bias.detach().numpy(), fit.bias / fit.temperature, rtol=1e-5)


def test_random_weights_start_at_a_random_head_and_learn_statistics(pictures: ImageSet) -> None:
    heads = []
    for seed in (3, 5):
        torch.manual_seed(seed)
        learner = fitted_classifier(load_backbone("small_cnn", "none", 8, seed=1), pictures)
        assert not learner.frozen_statistics
        heads.append(learner.head.weight)
    assert not torch.equal(*heads)
