"""Reading labelled rows from a file.

Every value becomes text exactly as the file has it: "007", "1.10", "NA" and "true" stay what they are, and a missing
value is empty. CSV, TSV and Parquet are read with pandas. JSON is not, because pandas rewrites its values (1.10 becomes
1.1, and a column of whole numbers with a null becomes 1.0, 2.0, ...).
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

from benchmarks.datasets import json_files, tables
from benchmarks.datasets.rows import Row, rows_from_values
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import DataError

__all__ = ["Row", "read_rows", "rows_from_values"]

READERS: dict[str, Callable[[bytes, str], list[Row]]] = {
    ".csv": lambda content, name: tables.delimited_rows(decoded(content, name), name, ","),
    ".tsv": lambda content, name: tables.delimited_rows(decoded(content, name), name, "\t"),
    ".jsonl": lambda content, name: json_files.line_rows(decoded(content, name), name),
    ".ndjson": lambda content, name: json_files.line_rows(decoded(content, name), name),
    ".json": lambda content, name: json_files.list_rows(decoded(content, name), name),
    ".parquet": tables.parquet_rows,
}
"""By suffix, in lower case; the readers take the content of a file and its name."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a .csv, .tsv, .jsonl, .ndjson, .json (one list of objects) or .parquet file, in the file's order.

    A further suffix .gz says that the file is compressed. Text files are UTF-8, with or without a byte order mark; the
    first line of CSV and TSV names the columns, and columns without a name are left out. Origins give the line on
    which a row starts (CSV, TSV, JSON lines) or its number (JSON, Parquet).

    Raises DataError, with file and line, for a file that is missing, empty, of an unknown kind, not UTF-8 or without
    rows, and for a row that cannot be parsed.
    """
    content = _content(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
        content = _unpacked(content, path.name)
    reader = READERS.get(suffixes[-1] if suffixes else "")
    if reader is None:
        raise DataError(f"{path.name} is none of the kinds whet reads: {', '.join(READERS)}, each also with .gz.")
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"{path.name} is empty; it must hold labelled rows.")
    rows = reader(content, path.name)
    if not rows:
        raise DataError(f"{path.name} holds no rows; it must hold at least one labelled row.")
    return rows


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise DataError(f"There is no file {path}: the folder {path.parent} does not exist.") from None
        files = [file.name for file in path.parent.iterdir() if file.is_file()]
        raise DataError(f"There is no file {path}.{did_you_mean(path.name, files)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _unpacked(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} is not a complete gzip file: {error}.") from error


def decoded(content: bytes, name: str) -> str:
    """The text of a file in UTF-8, without a byte order mark. Raises DataError for another encoding."""
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8."
        ) from None
