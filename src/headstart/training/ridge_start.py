"""A fitted head to start from."""

from __future__ import annotations

import numpy as np
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.heads.ridge import fit_ridge
from headstart.training.learner import Classifier


def start_from_ridge(learner: Classifier, images: ImageSet) -> Classifier:
    """The learner with the ridge solution on penultimate features, over its leave-one-out temperature, as its head.

    Before the first step it predicts what ridge predicts, so that its first gradients are small.

    Args:
        learner: Its head is overwritten.
        images: Labeled rows.

    Returns:
        The learner.

    Reference: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022,
        section 4 (LP-FT).
    Differs: the linear probe is ridge with its leave-one-out temperature.
    """
    features = features_of(images, learner.backbone.eval()).penultimate
    fit = fit_ridge(features, images.labels, learner.head.out_features, groups=images.groups)
    with torch.no_grad():
        learner.head.weight.copy_(torch.from_numpy(np.asarray(fit.weight.T / fit.temperature)))
        learner.head.bias.copy_(torch.from_numpy(np.asarray(fit.bias / fit.temperature)))
    return learner


def fitted_classifier(
    backbone: Backbone, images: ImageSet, body_scale: float = 1.0, stage_decay: float = 1.0, block_decay: float = 1.0
) -> Classifier:
    """A classifier on pretrained weights that starts from the ridge head and keeps their statistics.

    On random weights its head is random too, and batch normalization learns.

    Args:
        backbone: Trained in place; give it a copy.
        images: Labeled rows.
        body_scale: See `Classifier`.
        stage_decay: See `Classifier`.
        block_decay: See `Classifier`.

    Returns:
        The classifier.
    """
    pretrained = backbone.weights != "none"
    learner = Classifier(backbone, images.num_classes, pretrained, body_scale, stage_decay, block_decay)
    return start_from_ridge(learner, images) if pretrained else learner
