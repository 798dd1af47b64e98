"""Networks that were loaded before: a process builds and traces each once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from torch import Tensor, nn

from headstart.backbones.backbone import hash_of
from headstart.backbones.stages import Anatomy

MOST_BYTES = 2**29
"""Of the weights of kept networks; those used longest ago are dropped first. Room for all three EfficientNet-Lite networks (70
MB) and for several of a hundred megabytes. Chosen, not measured."""


@dataclass
class Network:
    """A network with what was found of it; backbones share it, so that whoever changes it works on a copy.

    Attributes:
        module: In evaluation mode on the CPU, with its classifier on.
        anatomy: Its stages, classifier and trunk.
        weights_hash: As `hash_of` gives it.
        sides: Sides of the input square that it was tried on.
    """

    module: nn.Module
    anatomy: Anatomy
    weights_hash: str
    sides: set[int] = field(default_factory=set)
    _state: tuple[Hashable, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._state = _state_of(self.module)

    @property
    def unchanged(self) -> bool:
        """Whether weights, structure and mode are as they were: who changed them in place keeps the network to himself.

        The weights are hashed, as a change through `Tensor.data` leaves no other trace. EfficientNet-Lite0 takes 14 ms where
        building and tracing it takes 250 (one core, Zen 4).
        """
        return self._state == _state_of(self.module) and hash_of(self.module) == self.weights_hash

    @property
    def num_bytes(self) -> int:
        """Bytes of its weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(self.module))


_NETWORKS: OrderedDict[Hashable, Network] = OrderedDict()
_LOCK = RLock()


def kept_network(key: Hashable, make: Callable[[], Network]) -> Network:
    """The network of that key, made unless it is kept and unchanged; one thread at a time."""
    with _LOCK:
        network = _NETWORKS.pop(key, None)
        if network is None or not network.unchanged:
            network = make()
        _NETWORKS[key] = network
        while len(_NETWORKS) > 1 and sum(one.num_bytes for one in _NETWORKS.values()) > MOST_BYTES:
            _NETWORKS.popitem(last=False)
        return network


def stamps_of(paths: Iterable[Path]) -> tuple[Hashable, ...] | None:
    """What changes with each file: its path, size and time of change; None where one is not there."""
    try:
        return tuple((str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
    except OSError:
        return None


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _state_of(module: nn.Module) -> tuple[Hashable, ...]:
    """Changes with every change in place of a weight, which raises its version, and with modules, their classes, modes, hooks."""
    tensors = [(id(one), one.data_ptr(), one._version, one.dtype, one.requires_grad) for one in _tensors(module)]
    modules = [
        (id(one), type(one), one.training, len(one._forward_hooks), len(one._forward_pre_hooks)) for one in module.modules()
    ]
    return (*tensors, *modules)
