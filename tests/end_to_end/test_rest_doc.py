"""The page docs/rest.md, typed into a shell from top to bottom: what it shows is what comes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.api.app import Serving, create_app
from service.home import Home, open_home
from service.keys import Keys
from tests.endpoints.faults import Fault
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Reply

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "rest.md").read_text(encoding="utf-8")
MODEL = "http://localhost:8000/v1"
TEAMS = ("account", "billing", "complaints", "delivery", "orders", "product questions", "returns", "technical",
         "vouchers")  # fmt: skip
LONGEST_S = 240
END = "\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What the page tells to type, and what it shows below it; None where it shows nothing."""

    script: str
    shown: str | None


def blocks() -> list[Block]:
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    found: list[Block] = []
    for language, text in fences:
        if language == "bash":
            found.append(Block(script=text, shown=None))
        else:
            assert found[-1].shown is None, f"two outputs of one block: {text}"
            found[-1] = Block(script=found[-1].script, shown=text)
    return found


def pattern(shown: str) -> str:
    """`…` stands for anything on its line; alone on a line for any number of lines."""
    lines = shown.splitlines()
    written = [r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line).replace("…", ".*?") + r"\n" for line in lines]
    return "".join(written) + r"\s*"


def typed(script: str, folder: Path) -> list[str]:
    """What each block printed, in one shell that stops at the first command that fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WHET_")}
    environment = {
        **inherited,
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1,localhost",
        "TMPDIR": str(folder),
    }
    out, err = folder / "out.txt", folder / "err.txt"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            start_new_session=True,
        )
    try:
        code = shell.wait(LONGEST_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)  # The server, if the page did not come to its end.
        shell.wait()
    printed = out.read_text(encoding="utf-8").replace("\r\n", "\n")
    assert code == 0, f"{printed}\n{err.read_text(encoding='utf-8')}"
    return printed.split(END)[:-1]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.slow
def test_what_the_page_shows_is_what_comes(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "data").symlink_to(CHECKOUT / "benchmarks" / "data")
    port, model = free_port(), KeywordModel(labels=TEAMS)
    script = "".join(f"{block.script}printf '\\n{END}'\n" for block in blocks())
    assert "whet serve &" in script
    script = script.replace("whet serve &", f"whet serve --port {port} &").replace(":8321", f":{port}")
    with LocalEndpoint(
        lambda messages, body: Reply(text=model.answer(messages)),
        models=("Qwen3-8B",),
        fault=lambda number: Fault(delay_s=0.02),  # Else there is hardly time to cancel.
    ).in_thread() as endpoint:
        assert MODEL in script
        outputs = typed(script.replace(MODEL, endpoint.url), tmp_path)
        assert endpoint.answered_again == 0
    for block, output in zip(blocks(), outputs, strict=True):
        if block.shown is None:
            assert output.strip() == "", block.script
        else:
            assert re.fullmatch(pattern(block.shown), output), f"{block.script}\n{output}"
    assert not list(tmp_path.glob("tmp.*")), "the page cleans up after itself"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home({"WHET_HOME": str(tmp_path / "home")})
    yield opened
    opened.engine.dispose()


async def test_the_table_has_every_call_and_the_scope_it_needs(home: Home) -> None:
    rows = re.findall(r"^\| `(\w+) (\S+)` \| (?:`(.*?)`)? ?\|", PAGE, re.MULTILINE)
    app = create_app(Serving(home=home, environment={}, loopback=True, hosts=("*",), jobs=0))
    known = {(method.upper(), path) for path, operations in app.openapi()["paths"].items() for method in operations}
    assert {(method, path) for method, path, _ in rows} == known
    nobody = {"Authorization": f"Bearer {Keys(home).create('nobody', [])}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=nobody) as client:
        for method, path, scope in rows:
            answer = await client.request(method, re.sub(r"\{\w+\}", "1", path))
            if scope:
                assert answer.json()["detail"] == f"The key 'nobody' does not have the scope {scope}.", path
            else:
                assert answer.status_code == 200
