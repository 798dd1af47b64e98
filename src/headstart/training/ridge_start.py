"""A fitted head to start from."""

from __future__ import annotations

import numpy as np
import torch

from headstart.backbones.backbone import Backbone
from headstart.data.images import ImageSet
from headstart.features.extract import features_of
from headstart.heads.ridge_leave_one_out import fit_ridge
from headstart.training.learner import Classifier


def start_from_ridge(learner: Classifier, images: ImageSet) -> Classifier:
    """The learner whose head is the ridge solution on penultimate features of labeled rows, over its leave-one-out temperature.

    Before the first step it predicts what ridge predicts, so that its first gradients are small.

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
    """A classifier on pretrained weights that starts from the ridge head on labeled rows and keeps their statistics.

    The backbone is trained in place. On random weights the head is random too, and batch normalization learns. The scales are
    those of `Classifier`.
    """
    pretrained = backbone.weights != "none"
    learner = Classifier(backbone, images.num_classes, pretrained, body_scale, stage_decay, block_decay)
    return start_from_ridge(learner, images) if pretrained else learner
