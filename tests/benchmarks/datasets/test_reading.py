"""Reading keeps every value as it was written and says where each row and each mistake is."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.datasets.reading import read_rows, rows_from_values
from benchmarks.errors import DataError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def message_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_rows(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "T.JSONL"])
def test_json_lines_keep_every_value_as_the_file_wrote_it(tmp_path: Path, name: str) -> None:
    path = written(
        tmp_path,
        name,
        '{"code": "007", "one": 1, "float": 1.10, "big": 123456789012345678901234567890, "exp": 1E5, "yes": true}\n'
        '{"code": "NA", "one": null, "float": 2.0, "text": "a\u2028b", "yes": "true"}\r\n',
    )
    first, second = read_rows(path)
    assert first.values == {
        "code": "007",
        "one": "1",
        "float": "1.10",
        "big": "123456789012345678901234567890",
        "exp": "1E5",
        "yes": "true",
    }
    assert second.values == {"code": "NA", "one": "", "float": "2.0", "text": "a\u2028b", "yes": "true"}


def test_nested_json_becomes_canonical_json_text(tmp_path: Path) -> None:
    path = written(tmp_path, "t.jsonl", '{"answer": {"b": [1, 2.50, null], "a": "ü"}, "list": []}')
    assert read_rows(path)[0].values == {"answer": '{"a":"ü","b":[1,2.5,null]}', "list": "[]"}


def test_origins_of_json_lines_count_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "t.jsonl", '\ufeff\n{"a": 1}\n\n{"a": 2}\n')
    assert [row.origin for row in read_rows(path)] == ["t.jsonl, line 2", "t.jsonl, line 4"]


def test_a_json_list_is_read_with_row_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "t.json", json.dumps([{"a": "x"}, {"a": 2}], indent=2))
    rows = read_rows(path)
    assert [(row.values["a"], row.origin) for row in rows] == [("x", "t.json, row 1"), ("2", "t.json, row 2")]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.JSONL.GZ"])
def test_compressed_files_are_read(tmp_path: Path, name: str) -> None:
    text = "a\n1\n" if "csv" in name else '{"a": 1}\n'
    assert read_rows(written(tmp_path, name, gzip.compress(text.encode())))[0].values == {"a": "1"}


def test_parquet_keeps_whole_numbers_beside_missing_ones(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "float": [1.0, math.nan],
            "narrow": pd.array([3.8, None], dtype="float[pyarrow]"),
            "yes": pd.array([True, None], dtype="boolean"),
            "text": ["007", None],
            "nested": [{"b": 1, "a": ["x"]}, None],
            "day": [datetime.date(2024, 1, 2), None],
            "money": [decimal.Decimal("1.10"), None],
            "bytes": ["ü".encode(), None],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    first, second = read_rows(tmp_path / "t.parquet")
    assert first.values == {
        "whole": "1",
        "float": "1.0",
        "narrow": "3.8",
        "yes": "true",
        "text": "007",
        "nested": '{"a":["x"],"b":1}',
        "day": "2024-01-02",
        "money": "1.10",
        "bytes": "ü",
    }
    assert set(second.values.values()) == {""}
    assert (first.origin, second.origin) == ("t.parquet, row 1", "t.parquet, row 2")


def test_a_parquet_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["x"], "label": ["y"]}).set_index("text").to_parquet(tmp_path / "t.parquet")
    assert read_rows(tmp_path / "t.parquet")[0].values == {"text": "x", "label": "y"}


def test_inline_rows_become_text_with_row_numbers() -> None:
    rows = rows_from_values([{"a": "x", "b": 1}, {"a": None, "b": [True, {"k": "ü"}]}])
    assert rows[0].values == {"a": "x", "b": "1"}
    assert rows[1].values == {"a": "", "b": '[true,{"k":"ü"}]'}
    assert [row.origin for row in rows] == ["row 1", "row 2"]


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    written(tmp_path, "tickets.csv", "a\n1\n")
    assert message_of(tmp_path / "ticket.csv").endswith("Did you mean 'tickets.csv'?")
    assert "folder" in message_of(tmp_path / "nowhere" / "tickets.csv")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").mkdir()
    assert "cannot be read" in message_of(tmp_path / "rows.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.json", "t.parquet"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    assert message_of(written(tmp_path, name, content)).startswith(f"{name} is empty")


@pytest.mark.parametrize(("name", "content"), [("t.csv", "a,b\n"), ("t.csv", "a,b\n\n,\n"), ("t.json", "[]")])
def test_a_file_without_rows_is_refused(tmp_path: Path, name: str, content: str) -> None:
    assert message_of(written(tmp_path, name, content)).startswith(f"{name} holds no rows")


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": pd.array([], dtype="string")}).to_parquet(tmp_path / "t.parquet")
    assert "no rows" in message_of(tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.csv.zip", "t.gz"])
def test_an_unknown_kind_of_file_names_the_known_ones(tmp_path: Path, name: str) -> None:
    content = gzip.compress(b"a") if name == "t.gz" else b"a"
    assert ".csv, .tsv, .jsonl, .ndjson, .json, .parquet" in message_of(written(tmp_path, name, content))


@pytest.mark.parametrize(("name", "line"), [("t.csv", 3), ("t.jsonl", 3), ("t.json", 3)])
def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path, name: str, line: int) -> None:
    message = message_of(written(tmp_path, name, b"a,b\nx,y\nf\xfcr,z\n"))
    assert message == f"{name}, line {line}: byte 0xfc is not UTF-8; save the file as UTF-8."


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{'a': 1}", "is not JSON: Expecting property name"),
        ('{"a": 1} {"a": 2}', "is not JSON: Extra data at column 10"),
        ('{"a": NaN}', "NaN stands where a number or null must stand"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('["x", "y"]', "holds a list. Each line must hold one JSON object."),
        ('"x"', "holds a text"),
        ("3", "holds a number"),
        ("null", "holds null"),
        ("true", "holds true or false"),
        ('{"a": "\\ud800"}', "the value of 'a' is not Unicode text"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "is not JSON"),
    ],
)
def test_a_bad_json_line_is_refused_by_number(tmp_path: Path, line: str, reason: str) -> None:
    message = message_of(written(tmp_path, "t.jsonl", f'{{"a": 1}}\n\n{line}\n'))
    assert message.startswith("t.jsonl, line 3")
    assert reason in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"a": 1}', "t.json holds an object; it must hold one JSON list of objects."),
        ('{"a": 1}\n{"a": 2}', "name it .jsonl"),
        ('[{"a": 1},\n {"a" 2}]', "at line 2, column 7"),
        ('[{"a": 1}, 2]', "t.json, row 2 holds a number"),
    ],
)
def test_a_json_file_of_another_shape_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    assert reason in message_of(written(tmp_path, "t.json", content))


@pytest.mark.parametrize("content", [b"PAR1 not really PAR1", b"a,b\n1,2\n"])
def test_parquet_that_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    assert message_of(written(tmp_path, "t.parquet", content)).startswith("t.parquet cannot be read as Parquet")


def test_bytes_that_are_not_text_are_refused_by_column(tmp_path: Path) -> None:
    pd.DataFrame({"image": [b"ok", b"\xff\xd8"]}).to_parquet(tmp_path / "t.parquet")
    assert message_of(tmp_path / "t.parquet").startswith("t.parquet, row 2: the value of 'image' is not Unicode text")


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n1,2\n" * 100)
    assert "gzip" in message_of(written(tmp_path, "t.csv.gz", whole[:-10]))
    assert "gzip" in message_of(written(tmp_path, "t.csv.gz", b"a,b\n"))
