"""The U-Net of Stable Diffusion 1, 2 and XL (Rombach 2022, Podell 2023), of diffusers' weights and config."""

from __future__ import annotations

from dataclasses import dataclass

import mlx.core as mx

from phosphene.diffusion.mlx.layers import (
    Layer,
    attend,
    conv,
    gelu,
    group_norm,
    layer_norm,
    linear,
    silu,
    sinusoids,
    twice_as_large,
)
from phosphene.diffusion.mlx.unet_config import UNetConfig, UnetStage

ATTENTION_EPS = 1e-6
"""of the group norm before attention; diffusers' own constant"""


@dataclass(frozen=True)
class UNetInputs:
    """Everything one call is told."""

    latents: mx.array
    """(b h w c)"""
    timesteps: mx.array
    """(b,) float32"""
    embeds: mx.array
    """(b seq hidden)"""
    pooled: mx.array | None = None
    """(b, width), SDXL"""
    sizes: tuple[int, ...] = ()
    """original size, crop, target size, SDXL"""
    guidance: mx.array | None = None
    """(1, width) embedded guidance, LCM checkpoints"""


class UNet:
    """Prediction (b h w c) of inputs."""

    def __init__(self, config: UNetConfig, weights: Layer) -> None:
        self.config = config
        self.weights = weights

    def __call__(self, given: UNetInputs) -> mx.array:
        """One call."""
        config, net = self.config, self.weights
        time = silu(self._time(given))
        x = conv(net["conv_in"], given.latents)
        past = [x]
        for index, stage in enumerate(config.stages):
            block, heads = net["down_blocks"][index], stage if config.down[index] else None
            for layer in range(stage.resnets):
                x = self._resnet(block["resnets"][layer], x, time)
                if heads is not None:
                    x = self._transformer(block["attentions"][layer], x, given.embeds, heads)
                past.append(x)
            if index < len(config.stages) - 1:
                x = conv(block["downsamplers"][0]["conv"], x, stride=2)
                past.append(x)
        if config.middle:
            mid = net["mid_block"]
            x = self._resnet(mid["resnets"][0], x, time)
            x = self._transformer(mid["attentions"][0], x, given.embeds, config.stages[-1])
            x = self._resnet(mid["resnets"][1], x, time)
        for index, stage in enumerate(reversed(config.stages)):
            block, heads = net["up_blocks"][index], stage if config.up[index] else None
            for layer in range(stage.resnets + 1):
                joined = mx.concatenate([x, past.pop()], axis=-1)
                x = self._resnet(block["resnets"][layer], joined, time)
                if heads is not None:
                    x = self._transformer(block["attentions"][layer], x, given.embeds, heads)
            if index < len(config.stages) - 1:
                # sides that are no multiple of the coarsest pixel were rounded up on the way down
                x = twice_as_large(x)[:, : past[-1].shape[1], : past[-1].shape[2]]
                x = conv(block["upsamplers"][0]["conv"], x)
        x = silu(group_norm(net["conv_norm_out"], x, config.groups, config.eps))
        return conv(net["conv_out"], x)

    def _time(self, given: UNetInputs) -> mx.array:
        """(b, 4 width): time, and what SDXL and LCM are told besides."""
        config, net, dtype = self.config, self.weights, given.latents.dtype
        waves = sinusoids(given.timesteps, config.width, config.cos_first, config.shift)
        waves = waves.astype(dtype)
        if given.guidance is not None:
            waves = waves + linear(net["time_embedding"]["cond_proj"], given.guidance)
        time = _mlp(net["time_embedding"], waves)
        if config.size_width is None or given.pooled is None:
            return time
        sizes = mx.array(given.sizes, mx.float32)
        told = sinusoids(sizes, config.size_width, config.cos_first, config.shift)
        told = mx.broadcast_to(told.reshape(1, -1).astype(dtype), (len(given.pooled), told.size))
        return time + _mlp(
            net["add_embedding"], mx.concatenate([given.pooled.astype(dtype), told], axis=-1)
        )

    def _resnet(self, layer: Layer, x: mx.array, time: mx.array) -> mx.array:
        """``time`` has been through its SiLU already, which all of them share."""
        config = self.config
        y = conv(layer["conv1"], silu(group_norm(layer["norm1"], x, config.groups, config.eps)))
        y = y + linear(layer["time_emb_proj"], time)[:, None, None]
        y = conv(layer["conv2"], silu(group_norm(layer["norm2"], y, config.groups, config.eps)))
        if layer["conv_shortcut"].get("weight") is not None:
            x = conv(layer["conv_shortcut"], x)
        return x + y

    def _transformer(
        self, layer: Layer, x: mx.array, embeds: mx.array, stage: UnetStage
    ) -> mx.array:
        y = group_norm(layer["norm"], x, self.config.groups, ATTENTION_EPS)
        y = conv(layer["proj_in"], y).reshape(x.shape[0], -1, layer["proj_in"].weight.shape[0])
        for index in range(stage.transformers):
            block = layer["transformer_blocks"][index]
            z = layer_norm(block["norm1"], y)
            y = y + _attention(block["attn1"], z, z, stage.heads)
            y = y + _attention(block["attn2"], layer_norm(block["norm2"], y), embeds, stage.heads)
            value, gate = mx.split(
                linear(block["ff"]["net"][0]["proj"], layer_norm(block["norm3"], y)), 2, axis=-1
            )
            y = y + linear(block["ff"]["net"][2], value * gelu(gate))
        return x + conv(layer["proj_out"], y.reshape(*x.shape[:3], -1))


def _attention(layer: Layer, x: mx.array, seen: mx.array, heads: int) -> mx.array:
    q, k, v = linear(layer["to_q"], x), linear(layer["to_k"], seen), linear(layer["to_v"], seen)
    return linear(layer["to_out"][0], attend(q, k, v, heads))


def _mlp(layer: Layer, x: mx.array) -> mx.array:
    return linear(layer["linear_2"], silu(linear(layer["linear_1"], x)))
