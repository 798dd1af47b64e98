"""Checkpoint: a fit's whole state in one file, so that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from headstart.core.arrays import check_safetensors, read_metadata, write_safetensors
from headstart.core.dropping import drop
from headstart.core.errors import DamagedError
from headstart.core.parsing import json_from
from headstart.training.average import WeightAverage

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Counters:
    """What a checkpoint holds besides tensors.

    Attributes:
        step: Steps done in this attempt.
        attempt: Counted from 0; each halves the step size.
        seconds: Time spent so far.
        recent: The watchdog's window.
    """

    step: int = 0
    attempt: int = 0
    seconds: float = 0.0
    recent: tuple[float, ...] = ()


@dataclass(frozen=True)
class Trained:
    """The three things that a step changes."""

    learner: nn.Module
    optimizer: Optimizer
    average: WeightAverage

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name, on the CPU and contiguous."""
        tensors = {f"learner/{name}": tensor for name, tensor in self.learner.state_dict().items()}
        tensors |= {f"average/{name}": tensor for name, tensor in self.average.state.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items() if isinstance(value, Tensor)}
        return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}

    def fill(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` gave."""
        self.learner.load_state_dict(_under("learner/", tensors))
        for name, tensor in _under("average/", tensors).items():
            self.average.state[name].copy_(tensor)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimizer/", tensors).items():
            index, key = name.split("/", 1)
            state.setdefault(int(index), {})[key] = _laid_out_like(parameters[int(index)], tensor)
        groups: list[dict[str, Any]] = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _laid_out_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor with the parameter's order in memory: a fused optimizer walks both in parallel and never looks at strides."""
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if tensor.shape == parameter.shape else tensor


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def write_checkpoint(workspace: Path, trained: Trained, counters: Counters, fingerprint: str) -> None:
    """Write the state of a fit, replacing the one before in a single move; `fingerprint` is of all that the fit depends on."""
    values = {"fingerprint": fingerprint, **vars(counters)}
    write_safetensors(workspace / FILE, save(trained.tensors(), {"counters": json.dumps(values)}))


def read_checkpoint(workspace: Path, trained: Trained, fingerprint: str) -> Counters | None:
    """Fill `trained` with the state that `write_checkpoint` wrote, and return how far the fit is.

    None, and nothing filled, where there is no checkpoint with that fingerprint. A damaged one is dropped; `OSError` where it
    cannot be read, which says nothing about it.
    """
    path = workspace / FILE
    if not path.exists():
        return None
    try:
        check_safetensors(path)
        values = json_from(read_metadata(path).get("counters", "{}"), str(path))
        if values.pop("fingerprint", None) != fingerprint:
            return None
        tensors = load_file(path)
    except (SafetensorError, DamagedError) as error:
        drop(path, getattr(error, "reason", "") or str(error))
        return None
    with torch.no_grad():
        trained.fill(tensors)
    return Counters(**{**values, "recent": tuple(values["recent"])})
