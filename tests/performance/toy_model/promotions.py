"""The demo with several seeds: how often is its winner promoted?

    python -m tests.performance.toy_model.promotions

Each seed has a home of its own, so every proof is the first look at the test split.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from typing import Any

from service.cli.session import read_task
from service.home import open_home
from service.optimize import Settings, run_optimization
from tests.performance.toy_model.configurations import EXAMPLE


def demo(seed: int) -> dict[str, Any]:
    """The result of the example with `seed`."""
    with tempfile.TemporaryDirectory() as folder:
        home = open_home({"WHET_HOME": folder})
        result = asyncio.run(run_optimization(read_task(EXAMPLE, {"seed": seed}), home, Settings(environment={})))
        home.engine.dispose()
    return result


def described(result: dict[str, Any]) -> str:
    """A result in a line."""
    evidence, placing, spent = result["evidence"], result["placing"], result["spent"]
    judged = evidence["decisive"] or evidence["difference"]
    return (
        f"{evidence['baseline']['mean']:.3f} to {evidence['winner']['mean']:.3f}, {judged['mean']:+.3f} "
        f"({judged['low']:+.3f} to {judged['high']:+.3f}): {result['decision']}; baseline ahead of {placing['ahead']} "
        f"of {placing['prompts']} random prompts; {spent['calls']} calls, {spent['seconds']:.0f} s"
    )


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description="The demo with several seeds.")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    promoted = 0
    for seed in range(arguments.seeds):
        result = demo(seed)
        promoted += result["decision"] == "promote"
        print(f"seed {seed}: {described(result)}", flush=True)
    print(f"The winner of the demo on the toy model is promoted with {promoted} of {arguments.seeds} seeds.")


if __name__ == "__main__":
    main()
