"""Files that somebody sent: read as they are written, or refused before they can do harm."""

from __future__ import annotations

import datetime
import decimal
import json

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.datasets import limits, parquet_child
from benchmarks.datasets.uploads import inline, read_upload
from benchmarks.errors import DataError
from tests.benchmarks.datasets.files import (
    CSV,
    LINES,
    PARQUET,
    TICKETS,
    TSV,
    YAML,
    delimited,
    lines,
    parquet,
    parquet_of,
)


def values(content: bytes, kind: str) -> list[dict[str, str]]:
    return [dict(row.values) for row in read_upload(content, kind).rows]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (delimited(TICKETS), CSV),
        (delimited(TICKETS, "\t"), TSV),
        (lines(TICKETS), LINES),
        (parquet(TICKETS), PARQUET),
        (b"\xef\xbb\xbf" + delimited(TICKETS), CSV),
        (delimited(TICKETS).replace(b"\r\n", b"\n"), CSV),
    ],
)
def test_every_kind_of_file_holds_the_same_rows(content: bytes, kind: str) -> None:
    assert values(content, kind) == TICKETS


def test_values_of_csv_are_what_is_written() -> None:
    content = b'text,label\r\n"two\nlines, and ""quotes""",007\r\nNA,true\r\n1.10,\r\n'
    assert values(content, CSV) == [
        {"text": 'two\nlines, and "quotes"', "label": "007"},
        {"text": "NA", "label": "true"},
        {"text": "1.10", "label": ""},
    ]


def test_numbers_in_json_keep_their_digits() -> None:
    content = b'{"a": 1.10, "b": 5, "c": null, "d": true, "e": ["x", 1.10]}\n'
    assert values(content, LINES) == [{"a": "1.10", "b": "5", "c": "", "d": "true", "e": '["x",1.1]'}]


def test_parquet_of_several_types() -> None:
    table = pa.table(
        {
            "text": pa.array(["a", None]),
            "number": pa.array([1, None], pa.int64()),
            "real": pa.array([3.8, 1.5], pa.float32()),
            "yes": pa.array([True, None]),
            "day": pa.array([datetime.date(2026, 1, 31), None]),
            "price": pa.array([decimal.Decimal("1.10"), None]),
            "list": pa.array([["x", "y"], []]),
            "word": pa.array(["b", "b"]).dictionary_encode(),
            "bytes": pa.array([b"c", b"d"]),
        }
    )
    first, second = values(parquet_of(table, compression="zstd"), PARQUET)
    assert first == {
        "text": "a", "number": "1", "real": "3.8", "yes": "true", "day": "2026-01-31", "price": "1.10",
        "list": '["x","y"]', "word": "b", "bytes": "c",
    }  # fmt: skip
    assert second == {
        "text": "", "number": "", "real": "1.5", "yes": "", "day": "", "price": "", "list": "[]", "word": "b",
        "bytes": "d",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", CSV, "is empty"),
        (b" \n", LINES, "is empty"),
        (b"a,b\n", CSV, "holds no rows"),
        ("a,b\ncafé,1\n".encode("latin-1"), CSV, "line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), CSV, "not UTF-8; save the file as UTF-8"),
        (b"a;b\n1;2\n", CSV, "separated by a semicolon"),
        (b"a,a\n1,2\n", CSV, "names the column 'a' 2 times"),
        (b'a,b\n"1,2\n', CSV, "never closes"),
        (b"a,b\n1,2,3\n", CSV, "3 values"),
        (b"[1]", LINES, "must hold one JSON object"),
        (b'{"a": NaN}', LINES, "not JSON"),
        (b'{"a": 1, "a": 2}', LINES, "stands twice"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", LINES, "nested too deeply"),
        (rb'{"a": "\ud800"}', LINES, "not Unicode text"),
        (b"PAR1 but no", PARQUET, "cannot be read as Parquet"),
        (parquet(TICKETS)[:-20] + b"x" * 16 + b"PAR1", PARQUET, "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(content: bytes, kind: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_upload(content, kind)


ROWS = limits.MOST_ROWS + 1
WIDE = limits.MOST_COLUMNS + 1


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"a,b\n" + b"1,2\n" * ROWS, CSV, "holds 100,001 rows"),
        (b'{"a":1}\n' * ROWS, LINES, "holds 100,001 rows"),
        (parquet_of(pa.table({"a": pa.array([1] * ROWS)})), PARQUET, "holds 100,001 rows"),
        (",".join(f"c{n}" for n in range(WIDE)).encode() + b"\n1\n", CSV, "has 201 columns"),
        (b"," * 5_000_000 + b"\n1\n", CSV, "has 5,000,001 columns"),
        (b"\n".join(b'{"c%d": 1}' % n for n in range(WIDE)), LINES, "has 201 columns"),
        (parquet_of(pa.table({f"c{n}": [1] for n in range(WIDE)})), PARQUET, "has 201 columns"),
        (b"a" * 201 + b",b\n1,2\n", CSV, "name may have 200 characters"),
        (b"a" * 200_000 + b",b\n1,2\n", CSV, "name may have 200 characters"),
        (b"a,b\n" + b"x" * 100_001 + b",2\n", CSV, "line 2: the value of 'a' has 100,001 characters"),
        (lines([{"a": "x" * 100_001}]), LINES, "line 1: the value of 'a' has 100,001 characters"),
        (parquet([{"a": "x" * 100_001}]), PARQUET, "row 1: the value of 'a' has 100,001 characters"),
        (b",".join(b"c%d" % n for n in range(200)) + b"\n" * 150_000 + b"1\n", CSV, "lines of 200 columns"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_more_than_a_dataset_may_have_is_refused(content: bytes, kind: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_upload(content, kind)


def test_all_values_together_are_bounded() -> None:
    text = "x" * 100_000
    with pytest.raises(DataError, match="together"):
        inline([{"a": text}] * 672)
    assert len(inline([{"a": text}] * 671).rows) == 671


@pytest.mark.slow
def test_a_small_parquet_file_that_declares_much_is_not_read() -> None:
    bomb = parquet_of(pa.table({"a": pa.array(["x" * 70_000_000])}), compression="zstd", use_dictionary=False)
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match=r"unpacks to 70,0.* bytes"):
        read_upload(bomb, PARQUET)
    many = pa.ListArray.from_arrays([0, 21_000_000], pa.array(np.zeros(21_000_000, dtype=np.int8)))
    bomb = parquet_of(pa.table({"a": many}), compression="zstd")
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match="holds 21,000,000 values"):
        read_upload(bomb, PARQUET)


@pytest.mark.slow
def test_a_small_parquet_file_that_declares_little_and_unpacks_to_much_meets_the_limits() -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array(["x" * 90_000]))
    bomb = parquet_of(pa.table({"a": repeated}))
    assert len(bomb) < 100_000
    parquet_child.check_declared(bomb, "it")
    with pytest.raises(DataError, match="within 1,024 MiB of memory and 30 seconds"):
        read_upload(bomb, PARQUET)


def test_the_process_that_reads_parquet_knows_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # A child that inherited it could not even start.
    assert values(parquet(TICKETS), PARQUET) == TICKETS


def test_a_parquet_file_with_senseless_metadata_is_refused() -> None:
    table = pa.table({"a": ["x"], "b": ["y"]}).replace_schema_metadata({b"pandas": json.dumps({"index_columns": []})})
    with pytest.raises(DataError, match="cannot be read as Parquet: KeyError"):
        read_upload(parquet_of(table), PARQUET)


def test_yaml_is_bounded_and_without_aliases() -> None:
    with pytest.raises(DataError, match="YAML may have"):
        read_upload(b"- a: " + b"x" * (4 * 2**20), YAML)
    bomb = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 120))
    with pytest.raises(DataError, match=r"the alias \*a is not read"):
        read_upload(bomb, YAML)
    with pytest.raises(DataError, match="not YAML"):
        read_upload(b"tests: !!python/object/apply:os.system ['true']", YAML)
    for nested in (b"[" * 200_000, b"- " * 200_000, b"{a: " * 200_000):
        with pytest.raises(DataError, match="nested deeper than 32 levels"):
            read_upload(nested, YAML)
