"""The toy model in torch, for training only: a Llama, with parameters named as Hugging Face names them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the network, in Hugging Face's words."""

    vocab_size: int = 4096
    hidden_size: int = 160
    num_hidden_layers: int = 5
    num_attention_heads: int = 5
    intermediate_size: int = 448
    max_position_embeddings: int = 2048
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def to_config(self) -> dict[str, Any]:
        """The sizes under Hugging Face's names."""
        return asdict(self)


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.hidden_size
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """`hidden` is (batch, length, width)."""
        batch, length, width = hidden.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.view(batch, length, self.shape.num_attention_heads, self.shape.head_dim).transpose(1, 2)

        query, key, value = (heads(p(hidden)) for p in (self.q_proj, self.k_proj, self.v_proj))
        mixed = functional.scaled_dot_product_attention(
            rotated(query, cos, sin), rotated(key, cos, sin), value, is_causal=True
        )
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """`hidden` is (batch, length, width)."""
        return self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))


class Layer(nn.Module):
    """One block: attention and feed-forward, each behind a norm and beside a shortcut."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.mlp = FeedForward(shape)

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor, dropout: float) -> Tensor:
        """`hidden` is (batch, length, width)."""
        attended = self.self_attn(self.input_layernorm(hidden), cos, sin)
        hidden = hidden + functional.dropout(attended, dropout, self.training)
        return hidden + functional.dropout(self.mlp(self.post_attention_layernorm(hidden)), dropout, self.training)


class Body(nn.Module):
    """Everything before the head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)


class Llama(nn.Module):
    """The language model; the head is the transposed embedding."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.model = Body(shape)
        cos, sin = rotations(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weights in self.named_parameters():
            if weights.ndim == 2:
                scale = 0.02
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    scale /= (2 * shape.num_hidden_layers) ** 0.5
                nn.init.normal_(weights, std=scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """`tokens` (batch, length) to what the head reads, (batch, length, width)."""
        length = tokens.shape[1]
        hidden: Tensor = functional.dropout(self.model.embed_tokens(tokens), self.dropout, self.training)
        for layer in self.model.layers:
            hidden = layer(hidden, self.cos[:length], self.sin[:length], self.dropout)
        return self.model.norm(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of all tokens, for chosen positions (positions, width)."""
        return functional.linear(hidden, self.model.embed_tokens.weight)


def rotations(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines of all positions, (positions, head width), as Hugging Face's Llama lays them out."""
    half = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angles = torch.outer(torch.arange(shape.max_position_embeddings, dtype=torch.float32), shape.rope_theta**-half)
    doubled = torch.cat((angles, angles), dim=-1)
    return doubled.cos(), doubled.sin()


def rotated(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`heads` (batch, head, length, head width), turned by their positions."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin
