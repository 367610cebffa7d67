"""Whatever stands in the rows reaches the model as it is: nothing is trimmed, escaped, or taken for a template."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json

NASTY = (
    "{{message}}", '{{"{{"}}', "{{team}} {% raw %} {# no #} ${x} %s", 'says "hi", twice', "two\nlines\r\nor three",
    "  spaced  ", "\ttab", "naïve café ☃ 😀 \u2028", "<b>&amp;</b>", "back\\slash \\n", "Output: orders", "{'a': 1}",
    "```code```", "\u202eright to left", "e\u0301 is not \u00e9",
)  # fmt: skip


def rows(count: int) -> list[tickets.Row]:
    """Tickets with nasty text around their words; the number in each keeps them apart."""
    labelled = tickets.rows(count)
    return [
        {**row, "message": f"{NASTY[n % len(NASTY)]} {row['message']} {NASTY[-1 - n % len(NASTY)]}"}
        for n, row in enumerate(labelled)
    ]


def filled(messages: list[Json], row: tickets.Row) -> list[Json]:
    def value(found: re.Match[str]) -> str:
        return "{{" if found[1] == '"{{"' else row[found[1]]

    return [{**m, "content": re.sub(r'\{\{("\{\{"|[^{}"]+)\}\}', value, m["content"])} for m in messages]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_nasty_rows_are_sent_as_they_are_and_the_prompt_renders_to_the_same_bytes(
    workplace: Workplace, endpoint: LocalEndpoint, suffix: str
) -> None:
    labelled = rows(90)
    path = workplace.folder / f"rows.{suffix}"
    if suffix == "csv":
        tickets.write_csv(path, labelled)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in labelled), encoding="utf-8")
    workplace.write_task(tickets.task(endpoint.url, data={"path": path.name}))
    result = workplace.optimize()
    proof = list(endpoint.bodies)[-result["spent"]["by_phase"]["proof"] :]
    for arm in ("winner", "baseline"):
        prompt: Any = json.loads(workplace.run("pull", f"support-triage@{result[arm]['version']}").out)
        rendered = [filled(prompt["messages"], row) for row in labelled]
        assert sum(body["messages"] in rendered for body in proof) == result["evidence"]["n"]
    assert result["winner"]["factors"]["demonstrations"] > 0
