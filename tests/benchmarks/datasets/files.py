"""The same rows as files of every kind."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

CSV, TSV, LINES, PARQUET, YAML = (
    "text/csv",
    "text/tab-separated-values",
    "application/x-ndjson",
    "application/vnd.apache.parquet",
    "application/yaml",
)

Rows = Sequence[Mapping[str, object]]

TICKETS: list[dict[str, object]] = [
    {"message": f"{say} {number}", "team": team, "channel": ("app", "email")[number % 2]}
    for number in range(20)
    for say, team in (("where is my parcel", "delivery"), ("the invoice is wrong", "billing"))
]


def delimited(rows: Rows, separator: str = ",") -> bytes:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(rows: Rows, **options: object) -> bytes:
    return parquet_of(pa.Table.from_pylist([dict(row) for row in rows]), **options)


def parquet_of(table: pa.Table, **options: object) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content, **options)
    return content.getvalue()


def promptfoo(rows: Rows, output: str) -> bytes:
    tests = [
        {
            "vars": {column: value for column, value in row.items() if column != output},
            "assert": [{"type": "equals", "value": row[output]}],
        }
        for row in rows
    ]
    return yaml.safe_dump({"tests": tests}).encode()
