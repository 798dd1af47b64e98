"""MLLS: source model corrected for the target's likeliest class shares."""

from __future__ import annotations

from typing import ClassVar, final

from headstart.methods._feature_adaptation import FeatureAdaptation, shifted_head
from headstart.methods.heads import ProjectedHead
from headstart.shift.hypotheses import Change
from headstart.shift.label_shift import likely_shares
from headstart.shift.projected_domains import ProjectedDomains


@final
class MLLS(FeatureAdaptation):
    """Finds the class shares under which the target rows are likeliest, and corrects the calibrated source model for them.

    Needs: a labeled source and some hundred target images without labels.
    Helps: under label shift: more than `bbse`, as it uses the whole probabilities.
    Hurts: where classes look different.

    Reference: Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
        Computation 2002; calibration as in Alexandari, Kundaje & Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration
        is Hard-To-Beat at Label Shift Adaptation", ICML 2020.
    """

    assumes: ClassVar[Change] = "class shares"

    def head_of(self, domains: ProjectedDomains) -> tuple[ProjectedHead, float]:
        return shifted_head(domains, lambda _, __, target, shares: likely_shares(target, shares))
