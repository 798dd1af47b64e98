"""Shift kind: what changed from source to target, and how well each explanation fits."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from headstart.core.records import Migration, Record

LARGEST_P_VALUE = 0.05
"""Level of the test that source and target have one distribution: the usual one."""
FEWEST_TARGET = 8
"""With fewer target rows that test has little power: two-dimensional Gaussians two standard deviations apart pass for one domain
in 62 % of draws with 2 rows, in 19 % with 6 and in 6 % with 8 (60 and 200 source rows)."""
LEVEL_OF_FIT = 0.001
"""An explanation suffices unless a test of this level finds more joint discrepancy than chance leaves. The right explanation of
60 generated covariate and label shifts had p-values from 0.0028 on; other class shares and other weights of source images, which
are wrong for pairs of picture sets, had less than 1e-6."""

Kind = Literal["few", "none", "nothing", "class shares", "source weights", "features", "rotation", "ambiguous", "unknown"]
EXPLAINED_BY: dict[str, str] = {
    "nothing": "chance",
    "class shares": "other class shares",
    "source weights": "other weights of source images",
    "features": "an affine map of the features",
    "rotation": "a rotation or mirror image",
}
"""What an explanation is called in sentences."""


LARGEST_RATIO = 3.0
"""At most this multiple of what chance leaves was sufficient in records of earlier versions."""


def _from_ratios(values: dict[str, Any]) -> dict[str, Any]:
    """A record of an earlier version, whose explanations were tested without candidates."""
    if "label_ratio" not in values:
        return values
    earlier, later = values.pop("turn_ratio", None), values.pop("rotation_ratio", None)
    rotation = later if earlier is None else earlier
    old = {"class shares": values.pop("label_ratio"), "features": values.pop("feature_ratio"), "rotation": rotation}
    values.pop("shares", None)
    renamed = {"labels": "class shares", "either": "ambiguous", "rotated": "rotation", "turned": "rotation"}
    ratios = {name: ratio for name, ratio in old.items() if ratio is not None}
    sufficient = tuple(name for name, ratio in ratios.items() if ratio <= LARGEST_RATIO)
    return values | {"kind": renamed.get(values["kind"], values["kind"]), "ratios": ratios, "sufficient": sufficient}


class ShiftKind(Record):
    """What changed, and the evidence.

    Attributes:
        kind: "few" where the target has too few rows to tell; "none" where the rows pass for one domain; else the explanation
            of least joint discrepancy, "ambiguous" where two explanations fit about as well and predict otherwise, or "unknown"
            where no candidate could be compared.
        p_value: That both domains have the same distribution.
        ratios: By explanation, the joint discrepancy that it leaves, as a multiple of what chance leaves.
        sufficient: The explanations that leave no more than chance explains.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (_from_ratios,)

    kind: Kind
    p_value: float
    ratios: dict[str, float] = {}
    sufficient: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What changed, for people."""
        if self.kind == "few":
            return f"The target has fewer than {FEWEST_TARGET} images, too few to tell what changed."
        if self.kind == "none":
            return f"Source and target pass for one domain (p = {self.p_value:.2g})."
        differs = f"The target looks different from the source (p = {self.p_value:.2g})"
        if self.kind == "unknown" or (self.kind != "ambiguous" and self.kind not in self.ratios):
            return f"{differs}."
        if self.kind == "ambiguous" and len(self._fitting) < 2:
            return f"{differs}, and what changed is uncertain: an affine map of the features fits, but may fit by itself."
        if self.kind == "ambiguous":
            found = " or ".join(f"{EXPLAINED_BY[name]} ({ratio:.1f})" for name, ratio in self._fitting)
            return f"{differs}, and what changed is ambiguous: {found}. In brackets: joint discrepancy over that of chance."
        ratio = self.ratios[self.kind]
        explained = "explained" if self.kind in self.sufficient else "best explained, though not fully,"
        left = f"{ratio:.1f} times the joint discrepancy expected by chance is left"
        return f"{differs}, {explained} by {EXPLAINED_BY[self.kind]}: {left}."

    @property
    def _fitting(self) -> list[tuple[str, float]]:
        """The explanations that cannot be told apart, with their ratios, the smallest first."""
        named = [name for name in self.sufficient if name in ("class shares", "source weights", "features")]
        return sorted(((name, self.ratios[name]) for name in named), key=lambda one: one[1])

    @property
    def why_unadapted(self) -> str:
        """Why the unadapted model is kept without a comparison, as a part of a sentence; empty where candidates are compared."""
        reasons = {
            "few": "the target has too few images to tell what changed",
            "none": "source and target pass for one domain",
        }
        return reasons.get(self.kind, "")

    @property
    def conclusion(self) -> str:
        """What follows where the unadapted model is kept without a comparison, as a sentence; empty elsewhere."""
        conclusions = {"few": "Without labels, the unadapted model is kept.", "none": "There is nothing to adapt to."}
        return conclusions.get(self.kind, "")
