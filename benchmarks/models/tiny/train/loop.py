"""The training loop: as many single-threaded processes as asked for, whose gradients are averaged over gloo.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) moves the matrices, AdamW embeddings and norms.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.models.tiny.train.batches import Batch, Size, batches
from benchmarks.models.tiny.train.episodes import Mix, Sources
from benchmarks.models.tiny.train.network import Llama, Shape

BATCH_TOKENS = 3000
"""Of one process."""
LONGEST = 640
WARM_UP = 60
FLOOR = 0.02
SUPPORT = 0.65
TEXT_WEIGHT = 0.2
"""What predicting the texts themselves counts beside the answers."""
AVERAGED = 0.997
"""How much of the averaged weights stays at each step; what is written is the average, which generalises better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the training with its own learning rates, which rise over `WARM_UP` steps, stay until `flat` of the
    steps are done, then fall along a cosine to `FLOOR` of their height. The share of bare episodes goes from
    `bare_first` to `bare_last` over the first `ramp` of the steps."""

    steps: int
    muon_rate: float
    adam_rate: float
    flat: float
    bare_first: float
    bare_last: float
    ramp: float
    turns: float
    mixed_names: bool
    dropout: float

    def rate(self, step: int) -> float:
        """The share of the full learning rates at `step`."""
        if step < WARM_UP:
            return (step + 1) / WARM_UP
        progress = step / self.steps
        if progress < self.flat:
            return 1.0
        fall = (progress - self.flat) / (1 - self.flat)
        return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * fall))

    def mix(self, step: int) -> Mix:
        """What episodes are made of at `step`."""
        progress = min(1.0, step / (self.ramp * self.steps))
        return Mix(
            bare=self.bare_first + (self.bare_last - self.bare_first) * progress,
            support=SUPPORT,
            turns=self.turns,
            mixed_names=self.mixed_names,
        )


STAGES = (
    Stage(
        steps=1000,
        muon_rate=0.01,
        adam_rate=2e-3,
        flat=0.4,
        bare_first=0.9,
        bare_last=0.3,
        ramp=0.3,
        turns=0.4,
        mixed_names=False,
        dropout=0.1,
    ),
    Stage(
        steps=1200,
        muon_rate=0.008,
        adam_rate=1.6e-3,
        flat=0.3,
        bare_first=0.35,
        bare_last=0.35,
        ramp=1.0,
        turns=0.92,
        mixed_names=True,
        dropout=0.1,
    ),
    Stage(
        steps=1100,
        muon_rate=0.01,
        adam_rate=2e-3,
        flat=0.3,
        bare_first=0.4,
        bare_last=0.4,
        ramp=1.0,
        turns=0.92,
        mixed_names=True,
        dropout=0.25,
    ),
)
"""First what the texts mean, then to read the labels off the prompt, then to forget what was learned by heart."""


def loss_of(network: Llama, batch: Batch) -> tuple[Tensor, Tensor]:
    """The loss to descend, and that of the answers alone."""
    hidden = network(batch.tokens)[:, :-1]
    targets = batch.tokens[:, 1:]
    answers, texts = batch.answers[:, :-1], batch.texts[:, :-1]
    answer_loss = functional.cross_entropy(network.logits(hidden[answers]), targets[answers])
    text_loss = functional.cross_entropy(network.logits(hidden[texts]), targets[texts])
    return answer_loss + TEXT_WEIGHT * text_loss, answer_loss.detach()


def optimizers(network: Llama, stage: Stage) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for the rest."""
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in network.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=stage.muon_rate, momentum=0.95, weight_decay=0.05, adjust_lr_fn="original"),
        torch.optim.AdamW(rest, lr=stage.adam_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def average_gradients(network: nn.Module) -> None:
    """Makes the gradients of all processes the same."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What to learn from and how. The processes find each other by the file `meeting`; `out` is the torch state dict
    that the first one writes."""

    processes: int
    meeting: Path
    sources: Sources
    tokenizer_file: Path
    shape: Shape
    stages: tuple[Stage, ...]
    seed: int
    out: Path


def learn(rank: int, training: Training) -> None:
    """Trains as process `rank`; the first one prints progress."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=training.meeting.as_uri(), rank=rank, world_size=training.processes)
    torch.manual_seed(training.seed)
    network = Llama(training.shape)
    torch.manual_seed(training.seed * 1000 + rank)
    tokenizer = Tokenizer.from_file(str(training.tokenizer_file))
    rng = random.Random(f"{training.seed}/{rank}")
    for number, stage in enumerate(training.stages, 1):
        network.dropout = stage.dropout
        averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
        movers = optimizers(network, stage)
        full_rates = [mover.param_groups[0]["lr"] for mover in movers]
        begun, seen, shown = time.monotonic(), 0, 0.0
        for step, batch in enumerate(_supply(stage, training.sources, tokenizer, rng)):
            for mover, full in zip(movers, full_rates, strict=True):
                mover.param_groups[0]["lr"] = full * stage.rate(step)
                mover.zero_grad(set_to_none=True)
            loss, answers = loss_of(network, batch)
            loss.backward()
            average_gradients(network)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for mover in movers:
                mover.step()
            averaged.update_parameters(network)
            seen += batch.tokens.numel() * training.processes
            shown += float(answers)
            if rank == 0 and ((step + 1) % 100 == 0 or step + 1 == stage.steps):
                print(
                    f"stage {number}, step {step + 1:4d} of {stage.steps}  answers {shown / (step % 100 + 1):.3f}  "
                    f"{seen / 1e6:.2f}M tokens  {time.monotonic() - begun:.0f} s",
                    flush=True,
                )
                shown = 0.0
                torch.save(averaged.module.state_dict(), training.out)
    dist.destroy_process_group()


def _supply(stage: Stage, sources: Sources, tokenizer: Tokenizer, rng: random.Random) -> Iterator[Batch]:
    """A batch for every step of `stage`; what episodes are made of changes every 100 steps."""
    size = Size(batch_tokens=BATCH_TOKENS, longest=LONGEST)
    for step in range(stage.steps):
        if step % 100 == 0:
            supply = batches(sources, tokenizer, mix=stage.mix(step), size=size, rng=rng)
        yield next(supply)
