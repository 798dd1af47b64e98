"""Weights whose transfer is cut off, ends early or brings something else: one sentence, and no file that stays in the way."""

from __future__ import annotations

import hashlib
import io
from email.message import Message
from http.client import IncompleteRead
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from headstart.backbones.loading import load_backbone
from headstart.backbones.providers._fetching import fetch
from headstart.core.errors import PretrainedError

NAME = "timm/test_resnet"


class Response(io.BytesIO):
    """What a hub sends: so many bytes of it, and then the end or an error."""

    def __init__(self, content: bytes, sent: int, error: Exception | None) -> None:
        super().__init__(content[:sent])
        self.headers, self.error = Message(), error
        self.headers["Content-Length"] = str(len(content))

    def info(self) -> Message:
        return self.headers

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        if not block and self.error is not None:
            raise self.error
        return block


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path / "cache"


def answering(monkeypatch, content: bytes, sent: int | None = None, error: Exception | None = None) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", lambda _: Response(content, len(content) if sent is None else sent, error))


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("case", ["reset", "ended early", "incomplete", "nothing", "a page"])
def test_a_transfer_that_is_cut_off_leaves_nothing_and_the_next_one_loads(cache, monkeypatch, case):
    whole = save(load_backbone(NAME, weights="none", seed=3).module.state_dict())
    answers = {
        "reset": (whole, len(whole) // 2, ConnectionResetError("reset by peer")),
        "ended early": (whole, len(whole) // 2, None),
        "incomplete": (whole, 100, IncompleteRead(b"")),
        "nothing": (b"", 0, None),
        "a page": (b"<html>Service unavailable</html>", None, None),
    }
    answering(monkeypatch, *answers[case])
    with pytest.raises(PretrainedError, match="its weights are not on this machine and cannot be fetched"):
        load_backbone(NAME)
    assert files_in(cache / "weights") == []
    answering(monkeypatch, whole)
    assert load_backbone(NAME).weights_hash == load_backbone(NAME, weights="none", seed=3).weights_hash
    assert files_in(cache / "weights") == ["test_resnet.safetensors"]


@pytest.mark.parametrize("digits", ["right", "wrong"])
def test_a_file_with_digits_in_its_name_is_taken_where_they_are_those_of_its_content(tmp_path, monkeypatch, digits):
    answering(monkeypatch, b"weights")
    known = hashlib.sha256(b"weights" if digits == "right" else b"others").hexdigest()[:8]
    if digits == "wrong":
        with pytest.raises(RuntimeError, match="invalid hash value"):
            fetch("https://there/x.pth", tmp_path / "x.pth", known)
        assert files_in(tmp_path) == []
    else:
        fetch("https://there/x.pth", tmp_path / "x.pth", known)
        assert (tmp_path / "x.pth").read_bytes() == b"weights"
