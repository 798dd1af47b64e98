"""The card of a repository: the hub's YAML header, and the page."""

from __future__ import annotations

from collections.abc import Callable

from huggingface_hub import EvalResult, ModelCardData

from headstart.core.language import spoken
from headstart.data.task import Task
from headstart.export.card import facts_of, in_language, methods_of, metrics_in_order, rendered
from headstart.methods.model_graph import unique_networks
from headstart.methods.stored_rows import stored_rows
from headstart.runs.run import Run

UNKNOWN = "other"
"""What the hub calls a license that it does not know."""


def repository_card(run: Run, task: Task | None, name: str, license_id: str, named: Callable[[str], str]) -> str:
    """The card as Markdown with its header; `named` takes places out of the names of networks."""
    header = ModelCardData(
        license=license_id,
        library_name="headstart",
        pipeline_tag="image-classification",
        tags=["image-classification", "headstart", "transfer-learning", *methods_of(run)],
        base_model=_base_models(run) or None,
        model_name=name,
        eval_results=_results(run) or None,
    )
    rows = stored_rows(run.model)
    page = rendered(
        "repository.md.j2",
        **facts_of(run, task),
        repository=name,
        has_p_values=run.model.detector_model is not None,
        classes_file="config.json",
        stored_pictures=rows.pictures,
        stored_features=rows.features,
    )
    page = in_language(page, spoken())
    for network in (name for name, _ in run.plan.networks):
        page = page.replace(network, named(network))
    return f"---\n{header.to_yaml()}\n---\n\n{page}"


def license_of_weights(run: Run) -> str:
    """The license, in the hub's spelling, of the weights that were learned from; "other" where there is not one known one.

    Weights that were random at first are nobody else's, and a network without weights has none.
    """
    learned = [one.card for one in unique_networks(run.model) if one.weights != "none" and one.card.num_parameters != 0]
    found = {card.license.lower() for card in learned}
    return found.pop() if len(found) == 1 and "unknown" not in found else UNKNOWN


def _base_models(run: Run) -> list[str]:
    """The repositories of the hub that networks come from: timm's have their names."""
    names = [one.card.name for one in unique_networks(run.model) if one.weights == "pretrained"]
    return list(dict.fromkeys(name for name in names if name.startswith("timm/")))


def _results(run: Run) -> list[EvalResult]:
    evaluation, task = run.evaluation, run.task_summary
    if evaluation is None:
        return []
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type=task.name,
            dataset_name=task.name,
            dataset_split=evaluation.split,
            metric_type=name,
            metric_name=f"{name} (95 % interval {one.low:.4f} to {one.high:.4f}, {evaluation.num_images} pictures)",
            metric_value=round(one.value, 4),
        )
        for name, one in metrics_in_order(run)
    ]
