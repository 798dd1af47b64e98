"""Backbone: images to features, at every depth, with normalization inside."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from headstart.backbones.catalog import network_of
from headstart.backbones.extractor import CARD, WEIGHTS, description_of, hash_with_normalization, write_card
from headstart.backbones.hooks import hooked
from headstart.backbones.pretrained import Pretrained
from headstart.backbones.stages import Anatomy, Stage, anatomy_of
from headstart.backbones.state_dicts import load_run_weights
from headstart.backbones.trace import Layout, first_tensor, pool, std_over_places
from headstart.backbones.whole_batch import on_own_rows
from headstart.core.arrays import write_safetensors
from headstart.core.errors import DamagedError, PlanError, PretrainedError
from headstart.core.parsing import json_in
from headstart.core.records import fingerprint_of
from headstart.data.transforms import Transform


class Outputs(NamedTuple):
    """The features of a batch at every depth.

    Attributes:
        stages: [batch, feature] per stage in depth order, means over places; the last is the penultimate layer's output.
        source_logits: [batch, source class] of the network's own classifier; None where it has none that means anything.
        stds: [batch, feature] per stage that has places, and for the last map: standard deviations over the places.
    """

    stages: tuple[Tensor, ...]
    source_logits: Tensor | None
    stds: tuple[Tensor, ...] = ()


class Backbone(nn.Module):
    """A pretrained network that gives features at every depth.

    Images are uint8 [batch, 3, height, width] or float in [0, 1]; the network's own normalization happens inside. Rows that
    are feature vectors already, [batch, feature], pass as they are. Everything works under autograd, and dropout and batch
    statistics follow `train()` and `eval()`.

    Args:
        card: What is known about the network.
        module: The network, with its classifier on.
        transform: How pictures become its input.
        weights: "pretrained", "none", or the file that the weights came from.
        anatomy: What `anatomy_of` found; found now when absent.
        source_classes: Whether the network's own classifier means something; by default unless `weights` is "none".
        module_hash: What `hash_of` gives for the network; taken now when absent.

    Attributes:
        weights_hash: Changes with the weights, and with a normalization that is not the card's.
        engine: Name of the inference engine that extracts its features; None until that is settled.
    """

    def __init__(
        self,
        card: Pretrained,
        module: nn.Module,
        transform: Transform,
        weights: str,
        anatomy: Anatomy | None = None,
        source_classes: bool | None = None,
        module_hash: str | None = None,
    ) -> None:
        super().__init__()
        self.card = card
        self.module = module
        self.transform = transform
        self.weights = weights
        self.anatomy = anatomy or anatomy_of(module, card.input_pixels)
        named = self.anatomy.classifier is not None
        self.source_classes = named and (weights != "none" if source_classes is None else source_classes)
        self.stage_names = (*(stage.name for stage in self.anatomy.stages), "penultimate")
        self.feature_width = self.anatomy.width
        self.register_buffer("_mean", torch.tensor(transform.mean or card.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(transform.std or card.std).view(1, -1, 1, 1), persistent=False)
        self.weights_hash = self._hash(module_hash)
        self.engine: str | None = None

    def forward(self, images: Tensor) -> Tensor:
        """The penultimate layer's pooled output, [batch, feature]."""
        return images if images.ndim == 2 else on_own_rows(lambda own: self.of_input(self.normalized(own)), images)

    def of_input(self, inputs: Tensor) -> Tensor:
        """As `forward`, of pictures that are normalized already."""
        return on_own_rows(lambda own: self._run(own, every_stage=False).stages[-1], inputs)

    def describe(self, images: Tensor) -> Outputs:
        """The mean and the standard deviation over places of every stage, and the network's own class scores."""
        return Outputs((images,), None) if images.ndim == 2 else self._run(self.normalized(images), every_stage=True)

    def normalized(self, images: Tensor) -> Tensor:
        """The network's input: floats, normalized by mean and standard deviation as in its training."""
        mean, std = self.get_buffer("_mean"), self.get_buffer("_std")
        pixels = images.to(mean.dtype) / 255.0 if images.dtype == torch.uint8 else images
        return (pixels - mean) / std

    def _run(self, inputs: Tensor, every_stage: bool) -> Outputs:
        means: dict[int, Tensor] = {}
        stds: dict[int, Tensor] = {}
        with hooked(self._pooling(means, stds, every_stage)):
            result = first_tensor(self.module(inputs))
        if result is None:
            raise AssertionError("a network puts out a tensor")
        num_stages = len(self.anatomy.stages)
        if self.anatomy.classifier is None:
            means[num_stages] = pool(result, self.anatomy.classifier_layout)
        logits = result.flatten(1) if self.source_classes and every_stage else None
        order = range(num_stages + 1) if every_stage else [num_stages]
        return Outputs(tuple(means[index] for index in order), logits, tuple(stds[index] for index in sorted(stds)))

    def _pooling(self, means: dict[int, Tensor], stds: dict[int, Tensor], every_stage: bool) -> Iterator[RemovableHandle]:
        """Hooks that pool outputs as they appear, before anything changes them in place."""
        if every_stage:
            maps = [] if self.anatomy.last_map is None else [self.anatomy.last_map]
            for index, stage in enumerate((*self.anatomy.stages, *maps)):
                hook = _keep_output(means, stds, index, stage)
                yield self.module.get_submodule(stage.name).register_forward_hook(hook)
        if self.anatomy.classifier is not None:
            hook = _keep_input(means, len(self.anatomy.stages), self.anatomy.classifier_layout)
            yield self.module.get_submodule(self.anatomy.classifier).register_forward_pre_hook(hook)

    def parameter_blocks(self) -> list[tuple[str, list[nn.Parameter]]]:
        """The weights in depth order, one group a block of the trunk, without the network's own classifier.

        A normalization joins the layer before it. Weights that belong to no block, such as position embeddings, are in the first
        group. Modules that a forward pass never calls are left out.
        """
        taken: set[int] = set()
        if self.anatomy.classifier is not None:
            taken.update(id(parameter) for parameter in self.module.get_submodule(self.anatomy.classifier).parameters())
        blocks: list[tuple[str, list[nn.Parameter]]] = []
        for name in self.anatomy.blocks:
            fresh = [parameter for parameter in self.module.get_submodule(name).parameters() if id(parameter) not in taken]
            taken.update(id(parameter) for parameter in fresh)
            if blocks and all(parameter.ndim < 2 for parameter in fresh):
                blocks[-1][1].extend(fresh)
            elif fresh:
                blocks.append((name, fresh))
        ancestors = {name.rsplit(".", depth)[0] for name in self.anatomy.blocks for depth in range(1, name.count(".") + 1)}
        loose = [
            parameter
            for owner in sorted({"", *ancestors})
            for parameter in self.module.get_submodule(owner).parameters(recurse=False)
            if id(parameter) not in taken
        ]
        if loose and blocks:
            blocks[0][1][:0] = loose
        return blocks if blocks or not loose else [("all", loose)]

    def _hash(self, module_hash: str | None = None) -> str:
        return hash_with_normalization(module_hash or hash_of(self.module), self.transform)

    def copy(self) -> Backbone:
        """An independent copy, for training."""
        return copy.deepcopy(self)

    def refreshed(self) -> Backbone:
        """The same backbone after training: its hash is taken again, and its own classifier no longer means anything."""
        self.weights_hash = self._hash()
        self.engine = None
        self.source_classes = False
        return self

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and, last, `card.json` into a folder, which is made if absent."""
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.module.state_dict().items()}
        write_safetensors(folder / WEIGHTS, save(tensors))
        write_card(self, folder)

    @property
    def identity(self) -> str:
        """Equal for backbones that give the same features of every picture."""
        return fingerprint_of(description_of(self))

    @property
    def network(self) -> Backbone:
        """Itself; see `Extractor`."""
        return self

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each output of `Describe` is: `stage.0`, ... (means), `spread.0`, ... (stds), `source_logits` if any."""
        maps = [*self.anatomy.stages, *([self.anatomy.last_map] if self.anatomy.last_map else [])]
        stds = [stage for stage in maps if stage.layout != "flat"]
        stages = [f"stage.{index}" for index in range(len(self.anatomy.stages) + 1)]
        return (*stages, *(f"spread.{index}" for index in range(len(stds))), *["source_logits"] * self.source_classes)

    @classmethod
    def load(cls, folder: Path) -> Backbone:
        """The backbone that `save` wrote, in evaluation mode on the CPU; `PretrainedError` where the folder holds none."""
        try:
            values = json_in(folder / CARD)
            card = Pretrained.from_dict(values["card"], str(folder / CARD))
            transform = Transform.from_dict(values["transform"], str(folder / CARD))
            weights, source_classes = str(values["weights"]), bool(values["source_classes"])
        except (OSError, ValueError, KeyError, TypeError, PlanError) as error:
            fault = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            fault = error.reason if isinstance(error, DamagedError) else fault
            named = fault if CARD in fault else f"{CARD}: {fault}"
            raise PretrainedError(f"{folder} holds no whole backbone ({named}). Fit the run again.") from None
        module = network_of(card, "none")
        if module.state_dict():
            load_run_weights(module, folder)
        backbone = cls(card, module, transform, weights, source_classes=source_classes)
        known = values.get("weights_hash", backbone.weights_hash)
        if backbone.weights_hash != known:
            raise PretrainedError(
                f"{folder} holds no whole backbone ({WEIGHTS}: has other weights than {CARD} says). Fit the run again."
            )
        backbone.engine = values.get("engine")
        return backbone.eval()


def hash_of(module: nn.Module) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of the sorted state dict: names, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(array.shape)} {array.dtype}".encode())
        digest.update(memoryview(array.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()[:16]


def _keep_output(means: dict[int, Tensor], stds: dict[int, Tensor], index: int, stage: Stage) -> Any:
    calls = [0]

    def hook(module: nn.Module, args: Any, result: Any) -> None:
        if calls[0] == stage.nth:
            tensor = first_tensor(result)
            if tensor is not None:
                means[index] = pool(tensor, stage.layout)
                if stage.layout != "flat":
                    stds[index] = std_over_places(tensor, stage.layout)
        calls[0] += 1

    return hook


def _keep_input(means: dict[int, Tensor], index: int, layout: Layout) -> Any:
    def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
        means[index] = pool(args[0], layout)

    return hook
