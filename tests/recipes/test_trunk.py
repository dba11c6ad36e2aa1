"""The published weights' names find their places in timm's model."""

from __future__ import annotations

from recipes.trunk import timm_name


def test_names_of_the_published_file_become_timms() -> None:
    assert timm_name("_conv_stem.weight") == "conv_stem.weight"
    assert timm_name("_fc.bias") == "classifier.bias"
    assert timm_name("_blocks.0._project_conv.weight") == "blocks.0.0.conv_pw.weight"
    assert timm_name("_blocks.1._expand_conv.weight") == "blocks.1.0.conv_pw.weight"
    assert timm_name("_blocks.15._bn2.running_mean") == "blocks.6.0.bn3.running_mean"
