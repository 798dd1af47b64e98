"""One file a method; the folder is the registry."""

from typing import Any

from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import PlanError
from headstart.core.verbs import make_callable
from headstart.methods.base import Method

make_callable(__name__)

METHODS: Catalog[type[Method]] = Catalog(
    "headstart.methods",
    "method",
    is_final_class(Method),
    frozenset({"base", "model", "heads", "meta_learner", "test_time"}),
    listed_by="headstart methods",
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
