"""Whatever the rows are: in which format they are uploaded makes no difference."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets import tables
from benchmarks.datasets.ingest import ingest
from benchmarks.datasets.splitting import SplitPlan
from benchmarks.datasets.uploads import Upload, checked, inline, promptfoo, read_upload
from tests.benchmarks.datasets.files import CSV, LINES, TSV, YAML, delimited, lines, parquet
from tests.benchmarks.datasets.files import promptfoo as promptfoo_file

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
"""A template would be refused in promptfoo, and a blank input or answer in any."""
written = texts.filter(lambda text: text.strip() and "{{" not in text and not text.startswith(("file:", "package:")))
rows = st.lists(
    st.fixed_dictionaries({"text": written, "note": texts.filter(lambda text: "{{" not in text), "expected": written}),
    min_size=4,
    max_size=12,
    unique_by=lambda row: row["text"],
).filter(lambda found: len({row["expected"] for row in found}) > 1)


def digest(upload: Upload, seed: int) -> str:
    plan = SplitPlan(seed=seed)
    return ingest("it", upload, inputs=["text", "note"], output="expected", split=plan).version.digest


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 2**40))
def test_the_digest_does_not_depend_on_the_format(found: list[dict[str, str]], seed: int) -> None:
    expected = digest(inline([dict(row) for row in found]), seed)
    tests = [
        {"vars": {"text": row["text"], "note": row["note"]}, "assert": [{"type": "equals", "value": row["expected"]}]}
        for row in found
    ]
    uploads = {
        "lines": read_upload(lines(found), LINES),
        "escaped lines": read_upload("\n".join(json.dumps(row) for row in found).encode(), LINES),
        "columns in another order": inline([dict(reversed(row.items())) for row in found]),
        "csv": read_upload(delimited(found), CSV),
        "tsv": read_upload(delimited(found, "\t"), TSV),
        # Without the process around it, which takes a second to start.
        "parquet": checked(Upload(rows=tuple(tables.parquet_rows(parquet(found), "it")))),
        "promptfoo in JSON": promptfoo(tests),
        "promptfoo in YAML": read_upload(promptfoo_file(found, "expected"), YAML),
    }
    assert {kind: digest(upload, seed) for kind, upload in uploads.items()} == dict.fromkeys(uploads, expected)
