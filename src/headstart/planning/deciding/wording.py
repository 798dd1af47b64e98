"""The decision in words: one sentence to quote, the reasons, and why everything else was rejected."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.core.estimate import Estimate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.selection import best_accuracy
from headstart.planning.plan import Rejected
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Comparison, LearningCurve, Verdict


def in_points(gain: Estimate) -> str:
    """A difference of accuracies in points, with its interval."""
    return f"{100 * gain.value:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def _accuracy(one: CrossValidated) -> str:
    return f"{one.result.accuracy.value:.1%}" if one.result.accuracy else "not measured"


def sentence_for(
    verdict: Verdict,
    transfer: CrossValidated | None,
    without: CrossValidated,
    chosen: CrossValidated,
    gain: Estimate,
    comparisons: Sequence[Comparison],
    only: str | None,
) -> str:
    """The sentence to quote."""
    if transfer is None:
        tried = (
            "Only training without transferred knowledge was tried" if only == "scratch" else "Nothing that transfers was fitted"
        )
        return f"{tried}: {chosen.result.name} reaches {_accuracy(chosen)} out of fold."
    pairs = {(made.better, made.worse): made.num_rows for made in comparisons}
    rows = pairs.get((transfer.result.name, without.result.name), transfer.result.num_rows)
    first, second = _shared_accuracies(transfer, without)
    pair = (
        f"{transfer.result.name} ({first}) against {without.result.name} ({second}), the best without "
        f"transferred knowledge: {in_points(gain)} on {rows:,} shared held-out images"
    )
    partly = f" Only {only} was tried in full." if only else ""
    if verdict == "transfer":
        return f"Transfer: {pair}.{partly}"
    if verdict == "scratch":
        fitted = f" {chosen.result.name} is fitted all the same." if chosen is transfer else ""
        return f"Train without transfer: {pair}.{partly}{fitted}"
    return f"No difference that these labels can show: {pair}; {chosen.result.name} is kept.{partly}"


def _shared_accuracies(first: CrossValidated, second: CrossValidated) -> tuple[str, str]:
    """The accuracies on the rows that both predicted, which is where the gain was measured."""
    if first.predictions is None or second.predictions is None:
        return _accuracy(first), _accuracy(second)
    shared = set(first.predictions.names) & set(second.predictions.names)
    masks = ([name in shared for name in one.names] for one in (first.predictions, second.predictions))
    shares = [one.correct[rows].mean() for one, rows in zip((first.predictions, second.predictions), masks, strict=True)]
    return f"{shares[0]:.1%}", f"{shares[1]:.1%}"


def reasons_for(
    validated: Sequence[CrossValidated],
    chosen: CrossValidated,
    comparisons: Sequence[Comparison],
    curve: LearningCurve | None,
    ranking: Ranking,
) -> tuple[str, ...]:
    """Sentences with numbers that speak for the choice."""
    reasons = [f"{chosen.result.name}: accuracy {_interval(chosen)} out of fold on {chosen.result.num_rows:,} images."]
    reasons += [_compared(made) for made in comparisons]
    transfer, baseline = (best_accuracy(validated, family) for family in ("transfer", "baseline"))
    if transfer and baseline:
        gap = 100 * (transfer - baseline)
        reasons.append(f"Baseline gap: the best transfer candidate is {gap:+.1f} points from the best one without knowledge.")
    reasons.append(f"The ranking, of frozen features alone: {ranking.sentence}")
    if curve is not None:
        reasons.append(curve.sentence)
    return tuple(reasons)


def _interval(one: CrossValidated) -> str:
    accuracy = one.result.accuracy
    return f"{accuracy.value:.1%} [{accuracy.low:.1%}, {accuracy.high:.1%}]" if accuracy else "not measured"


def _compared(made: Comparison) -> str:
    noise = "beyond noise" if made.significant else "within noise"
    return (
        f"{made.better} against {made.worse}: {in_points(made.accuracy_gain)} of accuracy, log loss lower by "
        f"{made.log_loss_gain.value:+.3f} [{made.log_loss_gain.low:+.3f}, {made.log_loss_gain.high:+.3f}], {noise} "
        f"(McNemar p = {made.p_value:.2g}, {made.num_rows:,} images)."
    )


def rejected_from(
    validated: Sequence[CrossValidated], ranking: Ranking, chosen: CrossValidated, comparisons: Sequence[Comparison]
) -> tuple[Rejected, ...]:
    """Every candidate that was not chosen, with its reason."""
    rejected = []
    for one in validated:
        if one is not chosen:
            reason = _why(one, chosen, comparisons) if one.result.status == "fitted" else one.result.reason
            rejected.append(Rejected(candidate=one.result.name, reason=reason))
    for candidate in ranking.candidates:
        if candidate.name not in ranking.chosen and not candidate.baseline:
            reason = (
                f"ranked {candidate.rank:.1f} on average and outside the shortlist; probe accuracy {candidate.estimate.value:.1%}"
            )
            rejected.append(Rejected(candidate=candidate.name, reason=reason))
    return tuple(rejected)


def _why(one: CrossValidated, chosen: CrossValidated, comparisons: Sequence[Comparison]) -> str:
    loss = one.result.log_loss.value if one.result.log_loss else float("nan")
    best = chosen.result.log_loss.value if chosen.result.log_loss else float("nan")
    names = (one.result.name, chosen.result.name)
    noise = "; within noise" if any((made.better, made.worse) == names and not made.significant for made in comparisons) else ""
    early = f"{one.result.reason}; " if one.result.reason else ""
    return (
        f"{early}accuracy {_accuracy(one)}, log loss {loss:.3f}, against {_accuracy(chosen)} and {best:.3f} of {names[1]}{noise}"
    )
