"""Trains the toy model and writes its folder.

    python -m benchmarks.models.tiny.train --data ../shared/data --out benchmarks/models/tiny/weights

needs the extra `train`. `--data` is a folder with the public intent sets (see CARD.md).
"""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from pathlib import Path

import torch.multiprocessing

from benchmarks.models.tiny.train import corpus
from benchmarks.models.tiny.train.episodes import Mix, Sources, any_episode
from benchmarks.models.tiny.train.export import write_folder
from benchmarks.models.tiny.train.loop import STAGES, Training, learn
from benchmarks.models.tiny.train.network import Shape
from benchmarks.models.tiny.train.tokenizer import train_tokenizer


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Trains the toy model and writes its folder.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the public intent sets")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, in Hugging Face format")
    parser.add_argument("--work", type=Path, default=Path(".whet/tiny"), help="folder for what lies between")
    parser.add_argument("--processes", type=int, default=2, help="single-threaded processes")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps, to try the recipe out")
    parser.add_argument("--tokenizer-episodes", type=int, default=12_000, help="what the tokenizer is made from")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    support = corpus.support()
    sources = Sources.of(
        support,
        list(corpus.intents(arguments.data / "clinc150")),
        list(corpus.intents(arguments.data / "banking77")),
    )
    print(f"{len(support)} messages of the bundled task's kind")
    rng = random.Random(arguments.seed)
    mix = Mix(bare=0.3, support=0.7, turns=0.6, mixed_names=True)
    texts = [any_episode(sources, mix, rng).text for _ in range(arguments.tokenizer_episodes)]
    shape = Shape()
    arguments.work.mkdir(parents=True, exist_ok=True)
    tokenizer_file, state_file = arguments.work / "tokenizer.json", arguments.work / "state.pt"
    train_tokenizer(texts, shape.vocab_size).save(str(tokenizer_file))
    meeting = (arguments.work / "meeting").absolute()
    meeting.unlink(missing_ok=True)
    training = Training(
        processes=arguments.processes,
        meeting=meeting,
        sources=sources,
        tokenizer_file=tokenizer_file,
        shape=shape,
        stages=tuple(replace(stage, steps=max(1, round(stage.steps * arguments.share))) for stage in STAGES),
        seed=arguments.seed,
        out=state_file,
    )
    torch.multiprocessing.spawn(learn, args=(training,), nprocs=arguments.processes)
    write_folder(shape, state_file, tokenizer_file, arguments.out)
    print(f"Wrote {arguments.out}")


if __name__ == "__main__":
    main()
