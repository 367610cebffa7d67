"""The toy model's network on numpy: a Llama that reads a prompt block by block and reuses blocks that it has read.

A prompt is read in blocks of `BLOCK` tokens, counted from its beginning, whether or not some of them are in the cache.
So the arithmetic is the same in both cases, and a reply does not depend on what was asked before.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

Floats = npt.NDArray[np.float32]

BLOCK = 32
KEPT_PREFIXES = 16
"""How many shared beginnings of prompts are kept; one of 600 tokens takes 4 MB."""
SEEN_BLOCKS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Weights of one block, transposed for `tokens @ weights`, with the norm before them multiplied in."""

    attend: Floats
    mix: Floats
    gate_and_up: Floats
    down: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """All weights in single precision; `cos` and `sin` are (positions, head width)."""

    embedding: Floats
    head: Floats
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float
    cos: Floats
    sin: Floats

    @property
    def longest(self) -> int:
        """The largest number of tokens in prompt and reply together."""
        return len(self.cos)


def read_weights(folder: Path) -> Weights:
    """The weights in a folder in Hugging Face format that holds a Llama with a tied head.

    Raises OSError or ValueError if there is none.
    """
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    found = {name: array.astype(np.float32) for name, array in load_file(folder / "model.safetensors").items()}

    def layer(number: int) -> Layer:
        def named(name: str) -> Floats:
            return found[f"model.layers.{number}.{name}.weight"]

        attend = np.concatenate([named(f"self_attn.{part}_proj") for part in "qkv"])
        gate_and_up = np.concatenate([named(f"mlp.{part}_proj") for part in ("gate", "up")])
        return Layer(
            attend=np.ascontiguousarray((attend * named("input_layernorm")).T),
            mix=np.ascontiguousarray(named("self_attn.o_proj").T),
            gate_and_up=np.ascontiguousarray((gate_and_up * named("post_attention_layernorm")).T),
            down=np.ascontiguousarray(named("mlp.down_proj").T),
        )

    embedding = found["model.embed_tokens.weight"]
    width = config["hidden_size"] // config["num_attention_heads"]
    exponents = np.arange(0, width, 2, dtype=np.float32) / width
    angles = np.outer(
        np.arange(config["max_position_embeddings"], dtype=np.float32),
        np.float32(config["rope_theta"]) ** -exponents,
    )
    doubled = np.concatenate((angles, angles), axis=-1)
    return Weights(
        embedding=embedding,
        head=np.ascontiguousarray((embedding * found["model.norm.weight"]).T),
        layers=tuple(layer(number) for number in range(config["num_hidden_layers"])),
        heads=config["num_attention_heads"],
        epsilon=config["rms_norm_eps"],
        cos=np.cos(doubled),
        sin=np.sin(doubled),
    )


@dataclass(slots=True)
class Reader:
    """Reads token ids and scores the next one. Holds the keys and values of one text at a time, and a cache of shared
    beginnings. Not for use by two threads at once."""

    weights: Weights
    cached_tokens: int = 0
    """How many tokens of the last prompt came from the cache."""
    _state: Floats = field(init=False, repr=False)
    _prefixes: OrderedDict[int, Floats] = field(default_factory=OrderedDict, repr=False)
    _seen: OrderedDict[int, None] = field(default_factory=OrderedDict, repr=False)
    _holds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        w = self.weights
        width = w.embedding.shape[1] // w.heads
        self._state = np.empty((len(w.layers), 2, w.heads, w.longest, width), dtype=np.float32)

    def read(self, tokens: list[int]) -> Floats:
        """Scores of all tokens as the next one after the prompt `tokens`, which must not be empty."""
        # The last token is always read, for its scores.
        whole = (len(tokens) - 1) // BLOCK
        chain = _chain(tokens, whole)
        held = 0
        while held < min(whole, len(self._holds)) and self._holds[held] == chain[held]:
            held += 1
        start = next((n for n in range(whole, held, -1) if chain[n - 1] in self._prefixes), 0)
        if start:
            kept = self._prefixes[chain[start - 1]]
            self._prefixes.move_to_end(chain[start - 1])
            self._state[:, :, :, held * BLOCK : start * BLOCK] = kept[:, :, :, held * BLOCK :]
        else:
            start = held
        self.cached_tokens = start * BLOCK
        self._holds = ()
        for block in range(start, whole):
            self._extend(tokens[block * BLOCK : (block + 1) * BLOCK], block * BLOCK)
        hidden = self._extend(tokens[whole * BLOCK :], whole * BLOCK)
        self._keep(chain, start)
        self._holds = tuple(chain)
        scores: Floats = hidden[-1] @ self.weights.head
        return scores

    def extend(self, token: int, position: int) -> Floats:
        """Scores after one more token, which stands at `position`."""
        scores: Floats = self._extend([token], position)[-1] @ self.weights.head
        return scores

    def _keep(self, chain: list[int], start: int) -> None:
        """Keeps the longest beginning that another prompt has had too, unless it is kept already."""
        shared = next((n for n in range(len(chain), start, -1) if chain[n - 1] in self._seen), 0)
        if shared:
            self._prefixes[chain[shared - 1]] = self._state[:, :, :, : shared * BLOCK].copy()
            if len(self._prefixes) > KEPT_PREFIXES:
                self._prefixes.popitem(last=False)
        for block in chain:
            self._seen[block] = None
            self._seen.move_to_end(block)
        while len(self._seen) > SEEN_BLOCKS:
            self._seen.popitem(last=False)

    def _extend(self, tokens: list[int], position: int) -> Floats:
        """Reads `tokens`, which stand from `position` on; what the head reads of each."""
        w, count = self.weights, len(tokens)
        end = position + count
        cos, sin = w.cos[position:end], w.sin[position:end]
        hidden = w.embedding[tokens]
        width = hidden.shape[1] // w.heads
        hides = np.triu(np.full((count, count), -np.inf, dtype=np.float32), 1) if count > 1 else None
        for layer, state in zip(w.layers, self._state, strict=True):
            projected = (self._normed(hidden) @ layer.attend).reshape(count, 3, w.heads, width).transpose(1, 2, 0, 3)
            turned = _rotated(projected[:2], cos, sin)
            state[0, :, position:end] = turned[1]
            state[1, :, position:end] = projected[2]
            scores = (turned[0] * np.float32(width**-0.5)) @ state[0, :, :end].transpose(0, 2, 1)
            if hides is not None:
                scores[:, :, position:] += hides
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            mixed = (scores @ state[1, :, :end]).transpose(1, 0, 2).reshape(count, -1)
            hidden = hidden + mixed @ layer.mix
            gate, up = np.split(self._normed(hidden) @ layer.gate_and_up, 2, axis=-1)
            hidden = hidden + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        return self._normed(hidden)

    def _normed(self, hidden: Floats) -> Floats:
        scale = np.sqrt(np.einsum("ij,ij->i", hidden, hidden) / hidden.shape[1] + np.float32(self.weights.epsilon))
        normed: Floats = hidden / scale[:, None]
        return normed


def _chain(tokens: list[int], blocks: int) -> list[int]:
    """For each of the first `blocks` blocks a number that stands for it and all before it."""
    chain, before = [], 0
    for block in range(blocks):
        before = hash((before, *tokens[block * BLOCK : (block + 1) * BLOCK]))
        chain.append(before)
    return chain


def _rotated(heads: Floats, cos: Floats, sin: Floats) -> Floats:
    half = heads.shape[-1] // 2
    swapped = np.concatenate((-heads[..., half:], heads[..., :half]), axis=-1)
    return heads * cos + swapped * sin
