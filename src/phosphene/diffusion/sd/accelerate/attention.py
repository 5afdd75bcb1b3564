"""Self attention with fewer tokens, or with an eye on past frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.sd.accelerate.tokens import CELL, Merge, merge_plan
from phosphene.diffusion.sd.unet import Memory, Nets

if TYPE_CHECKING:
    import torch


def use(nets: Nets, config: DiffusionConfig) -> None:
    """Replace the processors of all self attentions in place."""
    if config.attention == "xformers":
        use_xformers(nets, config)
        return
    if not config.token_merge and not config.cross_frame and not config.token_mean:
        return
    processors = {
        name: SelfAttention(name, nets, config) if name.endswith("attn1.processor") else processor
        for name, processor in nets.unet.attn_processors.items()
    }
    nets.unet.set_attn_processor(processors)


def use_xformers(nets: Nets, config: DiffusionConfig) -> None:
    """xformers' kernels; torch's own stay where the package or the device is missing."""
    if config.token_merge or config.cross_frame or config.token_mean or config.ip_adapter_id:
        say_once(
            "attention xformers is off: token_merge, token_mean, cross_frame and IP-Adapters have their own"
            " attention."
        )
        use(nets, config.model_copy(update={"attention": "sdpa"}))
        return
    try:
        nets.unet.enable_xformers_memory_efficient_attention()
    except Exception as error:
        say_once(f"attention xformers is off, torch's own is used: {first_line(error)}.")


@dataclass
class SelfAttention:
    """A diffusers attention processor.

    ``token_merge``: tokens of the finest level are merged by likeness before attention and put back
    after (Bolya & Hoffman 2023). ``token_mean``: keys and values of the finest level are those of the means
    of 2 x 2 tokens (ToDo, Smith 2024). ``cross_frame``: keys and values of past frames are put beside the
    frame's own (StreamV2V's extended attention, Liang 2024); row r of a call looks at row r of the
    calls before, which in a stream batch is the frame before at the same step.
    """

    name: str
    nets: Nets
    config: DiffusionConfig

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **_: Any,
    ) -> torch.Tensor:
        """(b tokens width) -> the same shape."""
        import torch

        merge = self._merge(hidden_states)
        x = hidden_states if merge is None else merge.merge(hidden_states)

        def split(projected: torch.Tensor) -> torch.Tensor:
            batch, count, _ = projected.shape
            return projected.view(batch, count, attn.heads, -1).transpose(1, 2)

        seen_by = self._means(x) if merge is None else x
        query, key, value = (
            split(attn.to_q(x)),
            split(attn.to_k(seen_by)),
            split(attn.to_v(seen_by)),
        )
        if self.config.cross_frame:
            key, value = self._with_past(key, value)
        seen = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = attn.to_out[0](seen.transpose(1, 2).flatten(2))
        out = attn.to_out[1](out)
        return out if merge is None else merge.unmerge(out)

    def _means(self, x: torch.Tensor) -> torch.Tensor:
        """What keys and values are made of."""
        import torch

        height, width = self.nets.memory.shape[2:]
        if not self.config.token_mean or x.shape[1] != height * width:
            return x
        cells = x.transpose(1, 2).reshape(len(x), -1, height, width)
        # an odd side's last cells are means of what there is
        means = torch.nn.functional.avg_pool2d(cells, CELL, ceil_mode=True, count_include_pad=False)
        return means.flatten(2).transpose(1, 2)

    def _merge(self, x: torch.Tensor) -> Merge | None:
        height, width = self.nets.memory.shape[2:]
        if not self.config.token_merge or x.shape[1] != height * width:
            return None
        return merge_plan(x, height, width, self.config.token_merge)

    def _with_past(
        self, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        memory: Memory = self.nets.memory
        bank = memory.kept.setdefault(self.name, [])
        past = [pair for pair in bank if pair[0].shape == key.shape]
        if memory.calls % self.config.cross_frame_interval == 0:
            memory.kept[self.name] = [*bank, (key, value)][-self.config.cross_frame :]
        if not past:
            return key, value
        keys, values = [pair[0] for pair in past], [pair[1] for pair in past]
        return torch.cat([key, *keys], dim=2), torch.cat([value, *values], dim=2)
