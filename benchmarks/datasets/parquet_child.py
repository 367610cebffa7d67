"""Reading a Parquet file that somebody sent, in a process of its own.

A small Parquet file can unpack to any size: compressed pages, one long value that a million rows point to, values
stored as changes of the one before. What a file declares is checked before anything is read; a file that declares
less than it holds meets the limits of the process, which has neither our memory nor our environment.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import orjson

from benchmarks.datasets import tables
from benchmarks.datasets.limits import MOST_TEXT, check_rows, check_size
from benchmarks.datasets.rows import Row
from benchmarks.errors import DataError

MEMORY = 2**30
SECONDS = 30
MOST_VALUES = 20_000_000
"""Of all columns together: a list in a cell holds any number."""
_REFUSED = 3
_CHECKOUT = Path(__file__).parents[2]


def sent_parquet_rows(content: bytes, name: str) -> list[Row]:
    """The rows of a Parquet file, as `tables.parquet_rows` reads them.

    Raises DataError also for a file that is larger than a dataset may be, or that cannot be read within 1 GiB of memory
    and 30 seconds.
    """
    command = [sys.executable, "-m", "benchmarks.datasets.parquet_child", name]
    # Nothing of the environment goes along: keys are in it.
    with subprocess.Popen(  # noqa: S603
        command,
        # Each thread of a machine with many cores would take its share of the memory.
        env={"PYTHONPATH": str(_CHECKOUT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        try:
            lines, said = child.communicate(content, timeout=2 * SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            lines, said = child.communicate()
    if child.returncode == _REFUSED:
        raise DataError(said.decode())
    if child.returncode:
        raise DataError(
            f"{name} cannot be read within {MEMORY // 2**20:,} MiB of memory and {SECONDS} seconds: it is damaged, or "
            f"unpacks to far more than it declares. Write it anew with fewer rows, or send JSON lines."
        )
    return [
        Row(values=orjson.loads(line), origin=f"{name}, row {number}")
        for number, line in enumerate(lines.splitlines(), start=1)
    ]


def check_declared(content: bytes, name: str) -> None:
    """Raises DataError if the file declares more than a dataset may have, or is no Parquet file."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        found = pq.ParquetFile(pa.BufferReader(content)).metadata
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {str(error).partition(chr(10))[0]}") from error
    check_size(found.num_rows, found.num_columns, name)
    groups = [found.row_group(number) for number in range(found.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(found.num_columns)]
    size = sum(chunk.total_uncompressed_size for chunk in chunks)
    if size > MOST_TEXT:
        raise DataError(
            f"{name} unpacks to {size:,} bytes; a dataset may have {MOST_TEXT:,}. Leave out columns or rows."
        )
    values = sum(chunk.num_values for chunk in chunks)
    if values > MOST_VALUES:
        raise DataError(
            f"{name} holds {values:,} values; a dataset may have {MOST_VALUES:,}. Leave out columns or rows."
        )


def _main(name: str) -> int:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    content = sys.stdin.buffer.read()
    try:
        check_declared(content, name)
        rows = tables.parquet_rows(content, name)
        check_rows(rows, name)
    except DataError as error:
        sys.stderr.write(str(error))
        return _REFUSED
    except MemoryError:
        return 1
    except Exception as error:  # What a damaged file makes of the library has no limits.
        sys.stderr.write(f"{name} cannot be read as Parquet: {type(error).__name__} {error}"[:500])
        return _REFUSED
    sys.stdout.buffer.writelines(orjson.dumps(dict(row.values)) + b"\n" for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
