"""The lines of a batch's files, whatever order they come in and whatever stands between them."""

from __future__ import annotations

from itertools import chain

import orjson
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.models.batch.lines import parts, read_answers

keys = st.binary(min_size=32, max_size=32)


def line(key: str, status: int | None) -> bytes:
    response = None if status is None else {"status_code": status, "body": {}}
    return orjson.dumps({"custom_id": key, "response": response})


@given(
    sizes=st.dictionaries(keys, st.integers(1, 50), min_size=1, max_size=30),
    most_requests=st.integers(1, 10),
    most_bytes=st.integers(50, 200),
)
def test_parts_keep_every_line_in_order_within_the_limits_and_no_sooner(
    sizes: dict[bytes, int], most_requests: int, most_bytes: int
) -> None:
    lines = {key: b"x" * size for key, size in sizes.items()}
    cut = list(parts(lines, most_requests, most_bytes))
    assert list(chain.from_iterable(part.items() for part in cut)) == list(lines.items())
    for part, following in zip(cut, [*cut[1:], None], strict=True):
        size = sum(map(len, part.values()))
        assert 0 < len(part) <= most_requests
        assert size <= most_bytes
        if following is not None:
            assert len(part) == most_requests or size + len(next(iter(following.values()))) > most_bytes


def test_a_line_beyond_the_limit_is_a_part_of_its_own() -> None:
    assert list(parts({b"a": b"x", b"b": b"x" * 99, b"c": b"x"}, 10, 50)) == [
        {b"a": b"x"},
        {b"b": b"x" * 99},
        {b"c": b"x"},
    ]


@given(data=st.data(), asked=st.sets(keys, min_size=1, max_size=8), others=st.sets(keys, max_size=3))
def test_every_key_gets_its_reply_from_lines_in_any_order(
    data: st.DataObject, asked: set[bytes], others: set[bytes]
) -> None:
    said = {key: data.draw(st.lists(st.sampled_from([200, 400, 500, None]), max_size=3)) for key in asked}
    lines = [line(key.hex(), status) for key, statuses in said.items() for status in statuses]
    lines += [line(key.hex(), 200) for key in others - asked]
    noise = data.draw(st.lists(st.sampled_from([b"{", b"[1]", b"null", b'{"custom_id": 3', b"{}"]), max_size=3))
    shuffled = data.draw(st.permutations([*lines, *noise]))
    middle = len(shuffled) // 2
    answers = read_answers([b"\n".join(shuffled[:middle]), b"\n".join(shuffled[middle:]) + b"\n\n"], asked)
    assert answers.by_key.keys() == {key for key, statuses in said.items() if statuses}
    for key, answer in answers.by_key.items():
        response = answer["response"]
        assert answer["custom_id"] == key.hex()
        assert (200 in said[key]) == (response is not None and response["status_code"] == 200)
    assert answers.unreadable == len(noise)
