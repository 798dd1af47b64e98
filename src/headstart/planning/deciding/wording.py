"""The decision in words: one sentence to quote, the reasons, and why everything else was rejected."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.core.estimate import Estimate
from headstart.planning.cross_validation import CrossValidated
from headstart.planning.deciding.selection import best_accuracy
from headstart.planning.label_budget import LearningCurve
from headstart.planning.plan import Rejected, is_gradient
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import CandidateResult, Comparison, Verdict


def in_points(gain: Estimate) -> str:
    """A difference of accuracies in points, with its interval."""
    return f"{100 * gain.value:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def _accuracy(one: CrossValidated) -> str:
    return f"{one.result.accuracy.value:.1%}" if one.result.accuracy else "not measured"


def untried_side(validated: Sequence[CrossValidated], only: str | None) -> str:
    """Why one of the two sides is missing, so that no verdict is possible; empty where both were fitted."""
    if only == "scratch":
        return "--only scratch leaves out what transfers"
    scratch = [one for one in validated if one.result.family == "scratch" and not one.members]
    if any(one.predictions is not None for one in scratch):
        return ""
    if only == "transfer":
        return "--only transfer leaves out training from scratch"
    if scratch:
        return f"{scratch[0].result.name} was not fitted ({scratch[0].result.reason})"
    return "there are no pictures to train a network on from scratch"


def sentence_for(
    verdict: Verdict,
    best: CrossValidated | None,
    without: CrossValidated,
    chosen: CrossValidated,
    comparisons: Sequence[Comparison],
    untried: str,
) -> str:
    """The sentence to quote.

    Args:
        verdict: As decided.
        best: The best that has transferred knowledge; None where nothing was fitted.
        without: The best that has none.
        chosen: What is fitted.
        comparisons: Among them that of the two.
        untried: Why one side is missing; empty where both were fitted.

    Returns:
        The verdict, both names with their accuracies, and the difference with its interval and the number of images.
    """
    if best is None:
        why = f" ({untried})" if untried else ""
        return (
            f"Not judged: nothing that transfers was fitted{why}. {chosen.result.name} reaches {_accuracy(chosen)} out of fold."
        )
    pairs = {(made.better, made.worse): made for made in comparisons}
    compared = pairs[best.result.name, without.result.name]
    first, second = _shared_accuracies(best, without)
    tried = " of what was tried" if untried else ""
    pair = (
        f"{best.result.name} ({first}) against {without.result.name} ({second}), the best{tried} without "
        f"transferred knowledge: {in_points(compared.accuracy_gain)} on {compared.num_rows:,} shared held-out images"
    )
    if verdict == "not judged":
        fitted = "The first" if chosen is best else "The second" if chosen is without else chosen.result.name
        return f"Not judged, as {untried}: {pair}. {fitted} is fitted."
    if verdict == "transfer":
        return f"Transfer: {pair}."
    if verdict == "scratch":
        named = "The first" if chosen is best else chosen.result.name
        fitted = "" if chosen is without else f" {named} is fitted all the same."
        return f"Train without transfer: {pair}.{fitted}"
    named = "the first" if chosen is best else "the second" if chosen is without else chosen.result.name
    return f"No difference that these labels can show: {pair}; {named} is kept."


def what_was_compared(validated: Sequence[CrossValidated]) -> str:
    """Which closed forms, networks from scratch and fine-tunings were fitted, and which were not, with the reason."""
    alone = [one for one in validated if not one.members and one.result.family != "chance"]
    closed = [one for one in alone if not is_gradient(one.candidate.method) and one.predictions is not None]
    trained = [one.result.name for one in alone if is_gradient(one.candidate.method) and one.predictions is not None]
    left = [f"{one.result.name} ({one.result.reason})" for one in alone if one.predictions is None]
    counted = f"{len(closed)} closed form{'' if len(closed) == 1 else 's'}"
    untried = f" Not fitted: {'; '.join(left)}." if left else ""
    return f"Compared out of fold: {', '.join([counted, *trained])}.{untried}"


def log_loss_decides(results: Sequence[CandidateResult], chosen: str) -> str:
    """The rule that chooses, where another candidate is more accurate on the same number of rows; empty elsewhere."""
    known = [(one, one.accuracy.value, one.log_loss.value) for one in results if one.accuracy and one.log_loss]
    known = [entry for entry in known if entry[0].name == chosen or not entry[0].partners]  # other means say nothing new
    own = next((entry for entry in known if entry[0].name == chosen), None)
    if own is None:
        return ""
    top = max((entry for entry in known if entry[0].num_rows == own[0].num_rows), key=lambda entry: entry[1])
    if top[1] <= own[1]:
        return ""
    noise = "" if top[2] >= own[2] else ", a difference that the rule counts as noise"
    return (
        f"Candidates are chosen by log loss, which counts how sure an answer is, and not by accuracy: {top[0].name} is more "
        f"accurate ({top[1]:.1%} against {own[1]:.1%}) and has a log loss of {top[2]:.3f} against {own[2]:.3f}{noise}."
    )


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
    rule = log_loss_decides([one.result for one in validated], chosen.result.name)
    reasons += [text for text in (rule, what_was_compared(validated)) if text]
    reasons += [_compared(made) for made in comparisons]
    transfer, baseline = (best_accuracy(validated, family) for family in ("transfer", "baseline"))
    if transfer and baseline:
        gap = 100 * (transfer - baseline)
        reasons.append(f"Baseline gap: the best transfer candidate is {gap:+.1f} points from the best one without knowledge.")
    reasons.append(f"The ranking, of frozen features alone: {ranking.sentence}" if ranking.candidates else ranking.sentence)
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
    tried = {member.pretrained for one in validated for member in one.candidate.members} | set(ranking.chosen)
    for one in validated:
        if one is not chosen:
            reason = _why(one, chosen, comparisons) if one.result.status == "fitted" else one.result.reason
            rejected.append(Rejected(candidate=one.result.name, reason=reason))
    for candidate in ranking.candidates:
        if candidate.name not in tried and not candidate.baseline:
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
