"""The network in torch, for training; `physai_inverse.surrogates.prior_fitted.network` runs the same in numpy.

Rows attend to the context alone, so that a row's answer depends on no other row that is asked.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from physai_inverse.surrogates.prior_fitted.network import ABSOLUTE, COMPONENTS, LEAST_SCALE, SLOPES, Shape
from physai_inverse.surrogates.prior_fitted.tokens import WIDTH


class Block(nn.Module):
    """Attention to the context, and a gated layer on each row."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm_attention = nn.Parameter(torch.ones(width))
        self.query = nn.Linear(width, width, bias=False)
        self.pair = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_layer = nn.Parameter(torch.ones(width))
        self.rise = nn.Linear(width, 2 * shape.hidden, bias=False)
        self.fall = nn.Linear(shape.hidden, width, bias=False)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.normal_(self.fall.weight, std=0.02)

    def forward(self, rows: Tensor, nearness: Tensor) -> Tensor:
        """Map rows ``[b, N, width]``; the first n are the context; nearness ``[b, heads, N, n]``."""
        b, num_rows, width = rows.shape
        num = nearness.shape[3]
        normed = functional.rms_norm(rows, (width,), self.norm_attention.to(rows.dtype), 1e-6)
        query = self.query(normed).view(b, num_rows, self.heads, -1).transpose(1, 2)
        key, value = self.pair(normed[:, :num]).view(b, num, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        with torch.autocast(
            rows.device.type, enabled=False
        ):  # in 16 bits its way back is ten times slower on a CPU
            met = functional.scaled_dot_product_attention(
                query.float(), key.float(), value.float(), attn_mask=nearness
            )
        rows = rows + self.out(met.transpose(1, 2).reshape(b, num_rows, width))
        normed = functional.rms_norm(rows, (width,), self.norm_layer.to(rows.dtype), 1e-6)
        gate, up = self.rise(normed).chunk(2, dim=-1)
        passed: Tensor = self.fall(functional.silu(gate) * up)
        return rows + passed


class Network(nn.Module):
    """Tokens to a mixture of normals for each row, and the noise of each task."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.read = nn.Linear(WIDTH, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.answer = nn.Linear(shape.width, 3 * COMPONENTS)
        self.noise = nn.Linear(shape.width, 1)
        with torch.no_grad():
            self.answer.weight.mul_(0.1)
            bias = torch.zeros(3, COMPONENTS)
            relative = COMPONENTS - ABSOLUTE
            bias[0, relative:] = -4.0
            bias[1, :relative] = torch.linspace(-0.5, 0.5, relative)
            bias[1, relative:] = torch.linspace(-1.0, 1.0, ABSOLUTE)
            bias[2, :relative] = torch.linspace(-0.3, 0.3, relative)
            self.answer.bias.copy_(bias.flatten())
            self.noise.bias.fill_(-3.0)

    def forward(self, rows: Tensor, distances: Tensor, centre: Tensor, spread: Tensor) -> tuple[Tensor, ...]:
        """Give log weights, means, deviations ``[b, N - n, COMPONENTS]`` and log noise ``[b]``."""
        num = distances.shape[2]
        slopes = torch.tensor(SLOPES, device=rows.device)[:, None, None]
        nearness = -slopes * distances[:, None]
        hidden = self.read(rows)
        for block in self.blocks:
            hidden = block(hidden, nearness)
        hidden = functional.rms_norm(hidden.float(), (self.shape.width,), self.norm, 1e-6)
        with torch.autocast(rows.device.type, enabled=False):
            logits, offset, scale = self.answer(hidden[:, num:]).unflatten(-1, (3, COMPONENTS)).unbind(-2)
            relative = torch.arange(COMPONENTS, device=rows.device) < COMPONENTS - ABSOLUTE
            m, s = centre[:, num:, None], spread[:, num:, None]
            means = torch.where(relative, m + s * offset, offset)
            deviations = torch.where(relative, s, torch.ones_like(s)) * torch.exp(scale.clamp(-6.0, 4.0))
            noise = self.noise(hidden[:, :num].mean(dim=1)).squeeze(-1)
        return torch.log_softmax(logits, -1), means, deviations + LEAST_SCALE, noise

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the weights by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}


def log_density(found: tuple[Tensor, ...], values: Tensor) -> Tensor:
    """Give the log density ``[b, q]`` of values."""
    weights, means, deviations, _ = found
    offset = (values[..., None] - means) / deviations
    return torch.logsumexp(weights - 0.5 * offset**2 - torch.log(deviations), dim=-1) - 0.9189385332046727
