"""BBSE: source model corrected for the target's class shares, from its confusions."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.methods._feature_adaptation import FeatureAdaptation, shifted_head
from headstart.methods.heads import ProjectedHead
from headstart.shift.hypotheses import Change
from headstart.shift.label_shift import confused_shares
from headstart.shift.projected_domains import ProjectedDomains


@final
class BBSE(FeatureAdaptation):
    """Estimates the class shares of the target from the source model's confusion matrix, and corrects the model for them.

    Needs: a labeled source and some hundred target images without labels.
    Helps: under label shift: class shares differ, and classes look the same.
    Hurts: where classes look different, as the confusion matrix then does not hold on the target.

    Reference: Lipton, Wang & Smola, "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018.
    Differs: probabilities are corrected instead of training again with weights.
    """

    assumes: ClassVar[Change] = "class shares"

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        return shifted_head(domains, lambda source, labels, target, _: confused_shares(source, labels, target))
