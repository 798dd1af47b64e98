from __future__ import annotations

from headstart.backbones.loading import load_backbone
from headstart.methods.finetune.bit_fit import BitFit


def test_all_biases_of_a_transformer_but_its_classifier_s_are_taken() -> None:
    backbone = load_backbone("timm/test_vit", "none")
    found = {id(weight) for weight in BitFit().weights(backbone)}
    named = {name for name, weight in backbone.module.named_parameters() if id(weight) in found}
    assert {"patch_embed.proj.bias", "blocks.0.attn.qkv.bias", "blocks.0.norm1.bias", "blocks.0.mlp.fc1.bias"} < named
    assert not any(name.startswith("head") or not name.endswith("bias") for name in named)
