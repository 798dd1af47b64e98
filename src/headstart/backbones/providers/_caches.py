"""Where weights of public models may already lie on this machine; nothing here asks the network."""

from __future__ import annotations

import os
from pathlib import Path

from headstart.core.folders import cache_folder


def torch_checkpoints() -> Path:
    """The folder that PyTorch's hub keeps files in."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub" / "checkpoints"


def user_file(name: str) -> Path:
    """Where a user may put the weights of a timm model by hand."""
    return cache_folder() / "weights" / f"{name}.safetensors"


def hub_snapshot(repository: str) -> Path | None:
    """The weights of a repository in the Hugging Face cache; None when they are not there."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")).expanduser()
    root = Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
    folder = root / f"models--{repository.replace('/', '--')}" / "snapshots"
    found = sorted(folder.glob("*/model.safetensors")) if folder.is_dir() else []
    return found[-1] if found else None
