"""CSV as people have it: quotes, blank lines, byte order marks, spreadsheets' leftovers."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.reading import Row, read_rows
from benchmarks.errors import DataError


def read(folder: Path, content: str, name: str = "t.csv") -> list[Row]:
    path = folder / name
    path.write_bytes(content.encode())
    return read_rows(path)


def message_of(folder: Path, content: str, name: str = "t.csv") -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content, name)
    return str(caught.value)


def test_values_stay_as_written(tmp_path: Path) -> None:
    content = "a,b\n007,1.0\nNA,null\nNone,nan\n TRUE ,-\n#x,'y'\n\u00fcber \U0001f600,\u6f22\u5b57\u2028\n"
    assert [tuple(row.values.values()) for row in read(tmp_path, content)] == [
        ("007", "1.0"),
        ("NA", "null"),
        ("None", "nan"),
        (" TRUE ", "-"),
        ("#x", "'y'"),
        ("\u00fcber \U0001f600", "\u6f22\u5b57\u2028"),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_quoted_newlines_are_kept_and_counted(tmp_path: Path, newline: str) -> None:
    content = newline.join(["text,label", '"one', "", 'two",x', "", "three,y", '"a ""b""",z', ""])
    rows = read(tmp_path, content)
    assert [row.values["text"] for row in rows] == [f"one{newline}{newline}two", "three", 'a "b"']
    assert [row.origin for row in rows] == ["t.csv, line 2", "t.csv, line 6", "t.csv, line 7"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufefftext,label\nx,y\n")[0].values == {"text": "x", "label": "y"}


def test_leading_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    assert read(tmp_path, "\r\n\r\na,b\r\n1,2\r\n")[0].origin == "t.csv, line 4"


def test_a_file_may_end_without_a_newline(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,2")[0].values == {"a": "1", "b": "2"}


def test_tabs_separate_tsv(tmp_path: Path) -> None:
    assert read(tmp_path, "a\tb\nx, y;\tz\n", "t.tsv")[0].values == {"a": "x, y;", "b": "z"}


def test_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, ",text,label,\n0,x,y,\n1,z,w,\n")[1].values == {"text": "z", "label": "w"}


def test_a_short_row_has_empty_values_at_its_end(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b,c\n1\n1,2,3\n")[0].values == {"a": "1", "b": "", "c": ""}


def test_rows_of_nothing_but_separators_are_left_out(tmp_path: Path) -> None:
    assert [row.origin for row in read(tmp_path, "a,b\n,\n1,2\n,\n")] == ["t.csv, line 3"]


def test_a_row_with_too_many_values_is_refused_by_its_line(tmp_path: Path) -> None:
    message = message_of(tmp_path, '\ntext,label\n"one\ntwo",x\nHello, world,y\nz,w\n')
    assert message.startswith("t.csv, line 5: 3 values where the first line names 2 columns")
    assert "comma in double quotes" in message


def test_a_trailing_comma_in_the_rows_alone_is_refused(tmp_path: Path) -> None:
    assert "t.csv, line 2: 3 values" in message_of(tmp_path, "a,b\n1,2,\n3,4,\n")


@pytest.mark.parametrize(("content", "line"), [('a,b\n"x\ny",1\n"z,2\nu,3\n', 4), ('"a,b\n1,2\n', 1)])
def test_a_quote_that_never_closes_is_refused_by_its_line(tmp_path: Path, content: str, line: int) -> None:
    assert message_of(tmp_path, content).startswith(f"t.csv, line {line}: a double quote opens")


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    assert "names the column 'label' 2 times" in message_of(tmp_path, "text,label,label\nx,y,z\n")


def test_a_first_line_without_names_is_refused(tmp_path: Path) -> None:
    assert "names no columns" in message_of(tmp_path, ",,\n1,2,3\n")


@pytest.mark.parametrize(
    ("name", "separator", "word"),
    [("t.csv", ";", "semicolon"), ("t.csv", "\t", "tab"), ("t.tsv", ",", "comma"), ("t.csv", "|", "vertical bar")],
)
def test_another_separator_is_recognised_in_the_message(tmp_path: Path, name: str, separator: str, word: str) -> None:
    message = message_of(tmp_path, f"text{separator}label\nHello, you\tthere{separator}x\n", name)
    assert f"separated by a {word}" in message


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(cell, cell.filter(bool)), min_size=1, max_size=6),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_a_csv_writer_writes_is_read_back_with_its_lines(rows: list[tuple[str, str]], newline: str) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    starts = []
    for row in rows:
        starts.append(written.getvalue().count("\n") + 1)
        writer.writerow(row)
    with TemporaryDirectory() as folder:
        read_back = read(Path(folder), written.getvalue())
    assert [(row.values["a"], row.values["b"]) for row in read_back] == rows
    assert [row.origin for row in read_back] == [f"t.csv, line {start}" for start in starts]
