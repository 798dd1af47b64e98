"""Files that pose as weights: one sentence each, and nothing in them is ever run."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

from headstart.backbones.catalog import card_of
from headstart.backbones.loading import load_backbone
from headstart.backbones.state_dicts import load_strictly
from headstart.core.errors import PretrainedError

ARCHITECTURE = "timm/test_resnet"
ALLOWED = "Give a file of weights (.safetensors, .pth, .pt, .bin)."


class _Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (shutil.copy, (__file__, str(self.mark)))


def _state() -> dict[str, Tensor]:
    return dict(load_backbone(ARCHITECTURE, weights="none").module.state_dict())


def _missing(folder: Path) -> Path:
    return folder / "w.pth"


def _directory(folder: Path) -> Path:
    (folder / "w.pth").mkdir()
    return folder / "w.pth"


def _empty(folder: Path) -> Path:
    (folder / "w.pth").touch()
    return folder / "w.pth"


def _other_suffix(folder: Path) -> Path:
    (folder / "w.onnx").write_bytes(b"bytes")
    return folder / "w.onnx"


def _no_suffix(folder: Path) -> Path:
    (folder / "w").write_bytes(b"bytes")
    return folder / "w"


def _text(folder: Path) -> Path:
    (folder / "w.pth").write_text("These are not weights.\n")
    return folder / "w.pth"


def _text_as_safetensors(folder: Path) -> Path:
    (folder / "w.safetensors").write_text("These are not weights.\n")
    return folder / "w.safetensors"


def _truncated_safetensors(folder: Path) -> Path:
    content = save(_state())
    (folder / "w.safetensors").write_bytes(content[: len(content) // 2])
    return folder / "w.safetensors"


def _truncated_zip(folder: Path) -> Path:
    stream = io.BytesIO()
    torch.save(_state(), stream)
    (folder / "w.pth").write_bytes(stream.getvalue()[:5000])
    return folder / "w.pth"


def _foreign_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "w.pth", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    return folder / "w.pth"


def _pickle_bomb(folder: Path) -> Path:
    (folder / "w.pth").write_bytes(pickle.dumps({"conv.weight": _Bomb(folder / "exploded")}, protocol=2))
    return folder / "w.pth"


def _zipped_bomb(folder: Path) -> Path:
    torch.save({"conv.weight": _Bomb(folder / "exploded")}, folder / "w.pth")
    return folder / "w.pth"


def _whole_module(folder: Path) -> Path:
    torch.save(nn.Linear(3, 2), folder / "w.pth")
    return folder / "w.pth"


def _list_of_numbers(folder: Path) -> Path:
    torch.save([2, 3, 5], folder / "w.pth")
    return folder / "w.pth"


def _no_tensors(folder: Path) -> Path:
    torch.save({"epoch": 7, "accuracy": 0.5}, folder / "w.pth")
    return folder / "w.pth"


def _not_finite(folder: Path) -> Path:
    state = _state()
    state["layer1.0.conv1.weight"][0, 0, 0, :2] = float("nan")
    state["fc.bias"][3] = float("inf")
    save_file(state, folder / "w.safetensors")
    return folder / "w.safetensors"


def _missing_keys(folder: Path) -> Path:
    state = _state()
    del state["layer1.0.conv1.weight"]
    save_file(state, folder / "w.safetensors")
    return folder / "w.safetensors"


def _wrong_shape(folder: Path) -> Path:
    state = _state()
    state["layer1.0.conv1.weight"] = torch.zeros(2, 3, 5, 7)
    save_file(state, folder / "w.safetensors")
    return folder / "w.safetensors"


NAME_IT = "Name its architecture with --pretrained ARCH --weights FILE."
CASES: list[tuple[Callable[[Path], Path], str]] = [
    (_missing, "{path} does not exist. " + ALLOWED),
    (_directory, "{path} is a folder. " + ALLOWED),
    (_empty, "{path} is empty. Bring the whole file again."),
    (_other_suffix, '{path} ends in ".onnx". ' + ALLOWED),
    (_no_suffix, '{path} ends in "". ' + ALLOWED),
    (_text, "{path} is damaged or not a file of weights. Bring the whole file again, best as .safetensors."),
    (_text_as_safetensors, "{path} is not a whole safetensors file (*). Bring the whole file again."),
    (_truncated_safetensors, "{path} is not a whole safetensors file (*). Bring the whole file again."),
    (_truncated_zip, "{path} is damaged or not a file of weights (*). Bring the whole file again."),
    (_foreign_zip, "{path} is damaged or not a file of weights (*). Bring the whole file again."),
    (
        _pickle_bomb,
        "{path} holds more than weights: loading it would run shutil.copy, so it was not loaded. "
        "Save the network's state_dict() alone, best as .safetensors.",
    ),
    (
        _zipped_bomb,
        "{path} holds more than weights: loading it would run shutil.copy, so it was not loaded. "
        "Save the network's state_dict() alone, best as .safetensors.",
    ),
    (
        _whole_module,
        "{path} holds more than weights: loading it would run torch.nn.modules.linear.Linear, so it was not loaded. "
        "Save the network's state_dict() alone, best as .safetensors.",
    ),
    (_list_of_numbers, "{path} holds no state dict but a list without tensors. Save the network's state_dict() alone."),
    (_no_tensors, "{path} holds no state dict but a dict without tensors. Save the network's state_dict() alone."),
    (
        _not_finite,
        "{path} holds 3 values that are not finite, in 2 of * tensors (first: *). "
        "Bring a checkpoint from before the training broke down.",
    ),
    (_missing_keys, "{path} does not fit test_resnet: 1 missing (layer1.0.conv1.weight). " + NAME_IT),
    (
        _wrong_shape,
        "{path} does not fit test_resnet: 1 of another shape (layer1.0.conv1.weight is (2, 3, 5, 7) and should be *). " + NAME_IT,
    ),
]


def _agrees(message: str, pattern: str) -> bool:
    rest = message
    head, *parts = pattern.split("*")
    if not rest.startswith(head):
        return False
    rest = rest[len(head) :]
    for part in parts:
        before, found, rest = rest.partition(part)
        if not found or not before:
            return False
    return rest == ""


@pytest.mark.slow
@pytest.mark.parametrize(("make", "expected"), CASES, ids=[make.__name__.lstrip("_") for make, _ in CASES])
def test_each_bad_file_gets_one_sentence(
    make: Callable[[Path], Path], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.backbones.weight_loading.matching_architecture", lambda state, resolver: None)
    path = make(tmp_path)
    with pytest.raises(PretrainedError) as caught:
        load_backbone(ARCHITECTURE, weights=path)
    message = str(caught.value)
    assert _agrees(message, expected.format(path=path)), message
    assert "\n" not in message
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("efficientnet_lit0", ' Did you mean "efficientnet_lite0"?'),
        ("torchvision/resnet5O", ' Did you mean "torchvision/resnet50"?'),
        ("qqqqqq", ""),
        ("", ""),
    ],
)
def test_unknown_name_gets_the_nearest_one(name: str, near: str) -> None:
    with pytest.raises(PretrainedError) as caught:
        card_of(name)
    assert str(caught.value) == (
        f'"{name}" is not a pretrained model.{near} `headstart models` lists all; a file, "run:PATH", "timm/NAME" and '
        '"torchvision/NAME" are allowed too.'
    )


def test_file_by_name_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError) as caught:
        load_backbone(str(tmp_path / "absent.safetensors"))
    assert str(caught.value) == f"{tmp_path / 'absent.safetensors'} does not exist. {ALLOWED}"


@pytest.mark.parametrize("name", ["pixels", "embeddings"])
def test_backbones_without_weights_refuse_a_file(name: str) -> None:
    with pytest.raises(PretrainedError) as caught:
        load_backbone(name, weights="w.pth")
    assert str(caught.value) == f"{name} has no weights, and w.pth was given. Leave --weights out."


def test_strict_filling_lists_what_does_not_fit() -> None:
    with pytest.raises(PretrainedError) as caught:
        load_strictly(nn.Linear(3, 2), {"weight": torch.zeros(2, 5), "scale": torch.zeros(1)}, "w.safetensors")
    assert str(caught.value) == (
        "w.safetensors does not fit Linear: 1 missing (bias), 1 unexpected (scale), 1 of another shape (weight is (2, 5) "
        "and should be (2, 3)). Bring the weights of this architecture."
    )
