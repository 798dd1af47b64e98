"""RankingAudit: a ranking held against what real fits of the ranked networks found."""

from __future__ import annotations

from headstart.core.estimate import Estimate
from headstart.core.records import Record


class AuditedNetwork(Record):
    """A ranked network that was fitted.

    Attributes:
        name: The ranked candidate.
        rank: Its mean rank over the combined scores; 1 is best.
        fit: Name of the fit that it is judged by: its best one of those that every audited network has, too.
        accuracy: Of that fit, out of fold.
        log_loss: Of that fit, out of fold.
    """

    name: str
    rank: float
    fit: str
    accuracy: Estimate
    log_loss: float


class RankingAudit(Record):
    """The order of a ranking against that of real fits, on the same held-out rows.

    Attributes:
        networks: The ranked networks that were fitted, in the order of the ranking.
        best: The one of highest accuracy; the lower log loss decides between equal ones.
        weighted_tau: Agreement of both orders, in [-1, 1]; a mistake among the first counts most. None where it is not defined.
        regret: Accuracy of the best network minus that of the ranking's first, with the interval of the paired difference. The
            best is known on the same rows only, so that the value is too high by chance where networks hardly differ.
        by_score: The weighted tau of each transferability score alone; None where the score is not known of every network.
        num_rows: Held-out rows.
        sentence: What to tell a person.
    """

    networks: tuple[AuditedNetwork, ...]
    best: str
    weighted_tau: float | None
    regret: Estimate
    by_score: dict[str, float | None]
    num_rows: int
    sentence: str

    @property
    def first(self) -> str:
        """The network that ranked first among those fitted."""
        return self.networks[0].name

    @property
    def best_accuracy(self) -> float:
        """The accuracy of the best network."""
        return next(one.accuracy.value for one in self.networks if one.name == self.best)
