"""One file a method; the folder is the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import PlanError
from headstart.core.verbs import make_callable

if TYPE_CHECKING:  # a prediction imports this package for its models, and takes no PyTorch
    from headstart.methods.base import Method

make_callable(__name__)


def _is_method(value: Any) -> bool:
    from headstart.methods.base import Method  # noqa: PLC0415

    return is_final_class(Method)(value)


REMOVED = {
    "adda": "dann",
    "afn": "jan",
    "anil": "whitened_mean",
    "bsp": "dann",
    "deep_jdot": "jdot",
    "density_ratio": "source_only",
    "fomaml": "whitened_mean",
    "irm": "erm",
    "kliep": "source_only",
    "kmm": "source_only",
    "label_transfer": "pseudo_target",
    "loha": "lora",
    "maml": "whitened_mean",
    "mcd": "dann",
    "mdd": "dann",
    "reptile": "whitened_mean",
    "source_fix_match": "jan",
    "tca": "subspace_alignment",
    "v_rex": "erm",
}
"""Methods of earlier versions that gained nothing over a simpler one of their family, or harmed as a rule, each with the one to
choose instead; `benchmarks/RESULTS.md` has their figures."""

METHODS: Catalog[type[Method]] = Catalog(
    "headstart.methods",
    "method",
    _is_method,
    frozenset(
        {"base", "model", "model_graph", "heads", "head_graphs", "kernel_head", "meta_learner", "stored_rows", "test_time"}
    ),
    listed_by="headstart methods",
    removed=REMOVED,
)


def method_from(settings: dict[str, Any], where: str = "") -> Method:
    """The method that a plan's settings describe: `kind` and hyper-parameters; those left out take their defaults.

    `where` names the file or option that they come from. `PlanError` when the kind or a value is unknown or out of range.
    """
    rest = dict(settings)
    kind = rest.pop("kind", None)
    if kind is None:
        raise PlanError(f"{where}: method.kind is missing. `headstart methods` lists all.")
    return METHODS.get(str(kind)).from_dict(rest, where, "method")
