"""One file a method; the folder is the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import PlanError
from headstart.core.verbs import make_callable

if TYPE_CHECKING:  # a prediction imports this package for its models, and takes no PyTorch
    from headstart.methods.base import Method

make_callable(__name__)


def _is_method(value: Any) -> bool:
    from headstart.methods.base import Method  # noqa: PLC0415

    return is_final_class(Method)(value)


class Removed(NamedTuple):
    """A method of an earlier version: what to choose instead, and its `Method.cost`."""

    instead: str
    cost: Literal["closed form", "gradient"] = "gradient"


REMOVED = {
    "adda": Removed("jan"),
    "afn": Removed("jan"),
    "anil": Removed("whitened_mean", "closed form"),
    "bsp": Removed("jan"),
    "cdan": Removed("jan"),
    "dann": Removed("jan"),
    "deep_coral": Removed("jan"),
    "deep_jdot": Removed("jdot"),
    "density_ratio": Removed("source_only", "closed form"),
    "fomaml": Removed("whitened_mean", "closed form"),
    "irm": Removed("erm"),
    "kliep": Removed("source_only", "closed form"),
    "kmm": Removed("source_only", "closed form"),
    "label_transfer": Removed("pseudo_target", "closed form"),
    "loha": Removed("lora"),
    "maml": Removed("whitened_mean", "closed form"),
    "mcd": Removed("jan"),
    "mdd": Removed("jan"),
    "reptile": Removed("whitened_mean", "closed form"),
    "source_fix_match": Removed("jan"),
    "tca": Removed("subspace_alignment", "closed form"),
    "v_rex": Removed("erm"),
}
"""Methods of earlier versions, each with the one to choose instead. Most gained nothing over a simpler one of their family, or
harmed as a rule: `dann`, `cdan` and `deep_coral` lost to the same training without adaptation on two or three pairs of domains of
four or five, where `jan` gained on all. `adda` and `bsp` gained 8.0 and 5.6 points, but over another training, at 32 pixels, and
less than `jan`, which gained 12.9 there; `mdd` was measured as methods train now (`benchmarks/RESULTS.md`)."""

METHODS: Catalog[type[Method]] = Catalog(
    "headstart.methods",
    "method",
    _is_method,
    frozenset(
        {
            "base",
            "model",
            "model_graph",
            "heads",
            "head_graphs",
            "graph_head",
            "kernel_head",
            "meta_learner",
            "stored_rows",
            "test_time",
        }
    ),
    listed_by="headstart methods",
    removed={name: one.instead for name, one in REMOVED.items()},
    how_instead="`headstart fit RUN/plan.toml --set method.kind={name}` fits the plan of an earlier run with it.",
)


def is_removed(kind: str) -> bool:
    """Whether a method of that name was removed, and no plug-in brings it."""
    return kind in REMOVED and kind not in METHODS.names()


def cost_of(kind: str) -> Literal["closed form", "gradient"]:
    """`Method.cost` of a method, which may be a removed one: what was fitted by it is read still."""
    return REMOVED[kind].cost if is_removed(kind) else METHODS.get(kind).cost


def method_from(settings: dict[str, Any], where: str = "") -> Method:
    """The method that a plan's settings describe: `kind` and hyper-parameters; those left out take their defaults.

    `where` names the file or option that they come from. `PlanError` when the kind or a value is unknown or out of range.
    """
    rest = dict(settings)
    kind = rest.pop("kind", None)
    if kind is None:
        raise PlanError(f"{where}: method.kind is missing. `headstart methods` lists all.")
    return METHODS.get(str(kind)).from_dict(rest, where, "method")
