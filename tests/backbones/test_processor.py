"""Whether a processor has bf16 arithmetic is asked of PyTorch; its answers are simulated here."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones import processor
from headstart.backbones.processor import LIMIT, bf16_among, has_bf16, processor_capabilities


@pytest.mark.parametrize(
    ("bf16", "amx", "found"), [(True, False, True), (False, True, True), (False, False, False), (None, None, False)]
)
def test_older_pytorch_is_asked_by_other_names_and_may_not_know(
    bf16: bool | None, amx: bool | None, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for name, answer in (("_is_avx512_bf16_supported", bf16), ("_is_amx_tile_supported", amx)):
        if answer is None:  # as in PyTorch 2.4
            monkeypatch.delattr(torch.cpu, name, raising=False)
        else:
            monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, raising=False)
    assert processor_capabilities() == {"avx512_bf16": bool(bf16), "amx_tile": bool(amx)}
    monkeypatch.delenv(LIMIT, raising=False)
    assert has_bf16() is found


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        ("", True),
        ("DEFAULT", True),
        ("AVX512_CORE_BF16", True),
        ("avx512_core_amx", True),
        ("AVX512_CORE_VNNI", False),
        ("AVX2", False),
    ],
)
def test_a_limit_on_instructions_hides_bf16(limit: str, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "processor_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setenv(LIMIT, limit)
    assert has_bf16() is found


def test_without_the_kernels_nothing_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bf16_among({"avx512_bf16": True}) is torch.backends.mkldnn.is_available()
    assert not bf16_among({"avx512_vnni": True})
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not bf16_among({"avx512_bf16": True})
