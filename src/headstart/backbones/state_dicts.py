"""State dicts: read safely from a file and loaded into a network, with a message for everything that can be wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from headstart.backbones.pretrained import WEIGHT_SUFFIXES
from headstart.core.arrays import check_safetensors
from headstart.core.errors import DamagedError, PretrainedError

StateDict = dict[str, Tensor]

logger = logging.getLogger(__name__)

_NESTS = ("state_dict", "model", "model_state_dict", "module", "net", "state_dict_ema", "model_ema")
_PREFIXES = ("module.", "model.", "backbone.", "_orig_mod.")
_SHOWN = 3


def read_state_dict(path: Path) -> StateDict:
    """The named tensors of a `.safetensors` or `.pth` file, on the CPU.

    `.pth` files are read with `weights_only=True`: nothing in them is run. A state dict nested in a training checkpoint is
    found, and a prefix that all names share ("module.") is taken off. Raises `PretrainedError` where the file is absent, empty or
    damaged, holds code or no state dict, or holds values that are not finite.
    """
    _check_file(path)
    state = _unnested(_read(path), path)
    _check_finite(state, path)
    return _without_prefix(state)


def _check_file(path: Path) -> None:
    allowed = f"Give a file of weights ({', '.join(WEIGHT_SUFFIXES)})."
    if path.is_dir():
        raise PretrainedError(f"{path} is a folder. {allowed}")
    if not path.exists():
        raise PretrainedError(f"{path} does not exist. {allowed}")
    if path.suffix.lower() not in WEIGHT_SUFFIXES:
        raise PretrainedError(f'{path} ends in "{path.suffix}". {allowed}')
    if path.stat().st_size == 0:
        raise PretrainedError(f"{path} is empty. Bring the whole file again.")


def _read(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise PretrainedError(f"{path} is not a whole safetensors file ({error}). Bring the whole file again.") from None
    except UnpicklingError as error:
        raise PretrainedError(_pickle_sentence(path, str(error))) from None
    except PermissionError:
        raise PretrainedError(f"{path} cannot be read: permission denied. Change its permissions.") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PretrainedError(f"{path} is damaged or not a file of weights ({reason}). Bring the whole file again.") from None


def _pickle_sentence(path: Path, message: str) -> str:
    for marker in ("Unsupported global: GLOBAL ", "Unsupported class "):
        if marker in message:
            code = message.split(marker, 1)[1].split(maxsplit=1)[0].rstrip(".,")
            return (
                f"{path} holds more than weights: loading it would run {code}, so it was not loaded. "
                "Save the network's state_dict() alone, best as .safetensors."
            )
    return f"{path} is damaged or not a file of weights. Bring the whole file again, best as .safetensors."


def _unnested(content: Any, path: Path) -> StateDict:
    for nest in _NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
    tensors = (
        {str(key): value for key, value in content.items() if isinstance(value, Tensor)} if isinstance(content, dict) else {}
    )
    if not tensors:
        kind = type(content).__name__
        raise PretrainedError(f"{path} holds no state dict but a {kind} without tensors. Save the network's state_dict() alone.")
    return tensors


def _check_finite(state: StateDict, path: Path) -> None:
    problem = _not_finite(state)
    if problem:
        raise PretrainedError(f"{path} holds {problem}. Bring a checkpoint from before the training broke down.")


def _not_finite(state: StateDict) -> str:
    """Which values are not finite, as a part of a sentence; empty where all are."""
    bad = {key: int((~torch.isfinite(value)).sum()) for key, value in state.items() if value.is_floating_point()}
    bad = {key: count for key, count in bad.items() if count}
    if not bad:
        return ""
    return f"{sum(bad.values())} values that are not finite, in {len(bad)} of {len(state)} tensors (first: {next(iter(bad))})"


def _without_prefix(state: StateDict) -> StateDict:
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key[len(prefix) :]: value for key, value in state.items()}
    return state


def load_strictly(network: nn.Module, state: StateDict, where: Path | str) -> None:
    """Load a state dict into a network; `PretrainedError` unless every name and shape fits."""
    problem = misfit(network.state_dict(), state)
    if problem:
        raise PretrainedError(
            f"{where} does not fit {type(network).__name__}: {problem}. Bring the weights of this architecture."
        )
    network.load_state_dict(state, strict=True)


def load_run_weights(network: nn.Module, folder: Path) -> None:
    """Load the weights that `Backbone.save` wrote; `PretrainedError` where they are missing or damaged."""
    path = folder / "weights.safetensors"
    try:
        check_safetensors(path)
        state = load_file(path)
    except DamagedError as error:
        problem = error.reason
    except FileNotFoundError as error:
        problem = f"{error.strerror}: {error.filename}"
    except (OSError, SafetensorError) as error:
        problem = str(error)
    else:
        problem = misfit(network.state_dict(), state) or _not_finite(state)
    if problem:
        raise PretrainedError(f"{folder} holds no whole backbone ({path.name}: {problem}). Fit the run again.")
    network.load_state_dict(state, strict=True)


def load_weights(
    network: nn.Module,
    state: StateDict,
    where: Path | str,
    architecture: str,
    classifier: Callable[[], str | None],
    suggest: Callable[[StateDict], str | None],
) -> bool:
    """Load a state dict into a network, and return whether its classifier was loaded too.

    The classifier keeps its weights where the state dict has none of the same size; `PretrainedError` where anything else does
    not fit. Only where not everything fits, `classifier` is asked for the dotted name of the classifier, and `suggest` for an
    architecture that the tensors do fit.
    """
    expected = network.state_dict()
    if not misfit(expected, state):
        network.load_state_dict(state, strict=True)
        return True
    head = classifier()
    inside = tuple(key for key in {**expected, **state} if head is not None and key.startswith(f"{head}."))
    body = {key: value for key, value in expected.items() if key not in inside}
    rest = {key: value for key, value in state.items() if key not in inside}
    problem = misfit(body, rest)
    if problem:
        other = suggest(state)
        advice = (
            f'Its shapes fit "{other}": use --pretrained {other}' if other else "Name its architecture with --pretrained ARCH"
        )
        raise PretrainedError(f"{where} does not fit {architecture}: {problem}. {advice} --weights FILE.")
    network.load_state_dict(rest, strict=False)
    logger.info("%s: its classifier (%s) has another size or is missing and was left out.", where, head)
    return False


def misfit(expected: StateDict, state: StateDict) -> str:
    """What does not fit, as a part of a sentence; empty when everything does."""
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in expected]
    shapes = [
        f"{key} is {tuple(state[key].shape)} and should be {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    groups = ((missing, "missing"), (unexpected, "unexpected"), (shapes, "of another shape"))
    return ", ".join(f"{len(items)} {word} ({_few(items)})" for items, word in groups if items)


def _few(items: Iterable[str]) -> str:
    shown = list(items)
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
