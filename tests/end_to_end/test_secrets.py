"""A key is sent to the endpoint and goes nowhere else, whatever happens."""

from __future__ import annotations

import signal
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.interruption import interrupted
from tests.endpoints.judges import part, verdict
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.proposer import ProposerModel
from tests.endpoints.wire import Json, Reply

KEY = "sk-planted-0123456789abcdef"
KEYS = {"MY_KEY": KEY, "WRITER_KEY": "sk-planted-writer-0123456789", "JUDGE_KEY": "sk-planted-grader-0123456789"}


def places_with_the_key(folder: Path, key: str = KEY) -> list[str]:
    """The files below a folder, their names, and the rows of databases, in which the key occurs."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = [str(path) for path in paths if key.encode() in path.read_bytes() or key in path.name]
    tables = (place for path in paths if path.suffix == ".sqlite" for place in tables_with_the_key(path, key))
    return [*files, *tables]


def tables_with_the_key(database: Path, key: str) -> Iterator[str]:
    """The tables in which the key occurs, in packed values too."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            values = (value for row in connection.execute(f'SELECT * FROM "{table}"') for value in row)
            if any(key.encode() in content(value) for value in values):
                yield f"{database}: {table}"


def content(value: object) -> bytes:
    """The bytes of a value in a database, unpacked."""
    if isinstance(value, bytes):
        with suppress(zlib.error):
            return zlib.decompress(value)
        return value
    return str(value).encode()


def keyed(workplace: Workplace) -> Workplace:
    return replace(workplace, environment={"MY_KEY": KEY})


def task(url: str) -> Json:
    plain = tickets.task(url, budget={"calls": 60})
    return {**plain, "model": {**plain["model"], "api_key_env": "MY_KEY"}}


def test_a_run_leaves_the_key_nowhere(workplace: Workplace) -> None:
    with tickets.endpoint(key=KEY).in_thread() as endpoint:
        workplace.write_task(task(endpoint.url))
        whet = keyed(workplace)
        whet.run("optimize", "task.yaml", "--json", "result.json")
        whet.run("evaluate", "task.yaml", "--json", "evaluation.json")
        whet.run("pull", "support-triage", "-o", "prompt.json")
        assert endpoint.answered > 0
    assert len(list(workplace.folder.iterdir())) > 8
    assert places_with_the_key(workplace.folder) == []


def test_a_refused_key_is_not_repeated(workplace: Workplace) -> None:
    with tickets.endpoint(key="another").in_thread() as endpoint:
        workplace.write_task(task(endpoint.url))
        assert "answered 401" in keyed(workplace).run("optimize", "task.yaml", code=3).err
    assert places_with_the_key(workplace.folder) == []


def grade(messages: list[Json], _body: Json) -> Reply:
    right = part(messages, "reply").strip(" .").casefold() == part(messages, "expected")
    return Reply(text=verdict("pass" if right else "fail"))


class Blabbing(LocalEndpoint):
    """Repeats a wrong key in full."""

    def _denied(self, request: web.Request) -> web.Response | None:
        denied = super()._denied(request)
        said = {"error": {"message": f"There is no such key: {request.headers['Authorization']}"}}
        return denied and web.json_response(said, status=denied.status)


@contextmanager
def three_models(workplace: Workplace) -> Iterator[list[LocalEndpoint]]:
    """The task of the workplace has a model, a proposer and a judge, with a key each."""
    writing = Blabbing(ProposerModel().answer, models=("writer",), key=KEYS["WRITER_KEY"])
    judging = Blabbing(grade, models=("grader",), key=KEYS["JUDGE_KEY"])
    with tickets.endpoint(key=KEY).in_thread() as answering, writing.in_thread(), judging.in_thread():
        model = {"name": "hosted_vllm/writer", "api_base": writing.url, "api_key_env": "WRITER_KEY"}
        judge = {"name": "hosted_vllm/grader", "api_base": judging.url, "api_key_env": "JUDGE_KEY"}
        models = {"proposer_model": model, "judge_model": judge}
        metric = {"name": "judge", "rubric": "It names the right team."}
        workplace.write_task({**task(answering.url), **models, "metric": metric, "budget": {"calls": 300}})
        yield [answering, writing, judging]


def test_the_keys_of_proposer_and_judge_are_left_nowhere(workplace: Workplace) -> None:
    with three_models(workplace) as endpoints:
        whet = replace(workplace, environment=KEYS)
        whet.run("optimize", "task.yaml", "--json", "result.json")
        whet.run("evaluate", "task.yaml", "--json", "evaluation.json")
        assert all(endpoint.answered > 0 for endpoint in endpoints)
    assert [place for key in KEYS.values() for place in places_with_the_key(workplace.folder, key)] == []


@pytest.mark.parametrize("name", ["WRITER_KEY", "JUDGE_KEY"])
def test_a_refused_key_of_proposer_or_judge_is_not_repeated(workplace: Workplace, name: str) -> None:
    wrong = {**KEYS, name: "sk-planted-wrong-0123456789"}
    with three_models(workplace):
        assert "answered 401" in replace(workplace, environment=wrong).run("optimize", "task.yaml", code=3).err
    assert [place for key in wrong.values() for place in places_with_the_key(workplace.folder, key)] == []


def test_an_interrupted_run_prints_a_command_without_the_key(workplace: Workplace) -> None:
    with interrupted(keyed(workplace), task(""), signal.SIGINT, 20) as job:
        assert job.run().code == 130
    assert places_with_the_key(workplace.folder) == []
