"""Dockerfile and compose.yaml: what matters about them holds, as far as that can be said without building the image."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[1]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
WHET = str(Path(sysconfig.get_path("scripts")) / "whet")
PORT = "8321"
SECRET_NAME = re.compile(r"key|token|secret|passw", re.IGNORECASE)
LONGEST_S = 60


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, in order."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    split = (" ".join(line.split()).partition(" ") for line in joined.splitlines() if line.strip())
    return [(word, rest) for word, _, rest in split]


def last(word: str) -> str:
    """The arguments of the last such instruction, which is what the image has."""
    return [rest for found, rest in instructions() if found == word][-1]


def image_health() -> list[str]:
    return list(json.loads(last("HEALTHCHECK").partition(" CMD ")[2]))


def service() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))
    (only,) = content["services"].values()
    return dict(only)


def whet(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WHET_")}
    return subprocess.run(
        [WHET, *arguments],
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


def test_the_image_runs_as_a_user_with_a_number_other_than_root() -> None:
    final = [word for word, _ in instructions()]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))
    assert final[::-1].index("USER") < final[::-1].index("RUN"), "nothing is installed as that user"


def test_dependencies_come_from_the_lock_with_their_hashes_in_a_layer_of_their_own() -> None:
    layers = [rest for word, rest in instructions() if word == "RUN" and "pip" in rest]
    wheel, dependencies, whet_itself = layers
    assert "--require-hashes --requirement /tmp/requirements.lock" in dependencies
    assert "pip wheel --no-deps" in wheel
    assert "pip install --no-deps" in whet_itself
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.split(r"^(?=[\w.-]+(?:\[[\w,-]+\])?==)", lock, flags=re.MULTILINE)[1:]
    assert len(pins) > 50
    assert all("--hash=sha256:" in pin for pin in pins)


def test_there_is_no_secret_in_either_file() -> None:
    for word, rest in instructions():
        if word in ("ENV", "ARG"):
            assert not SECRET_NAME.search(rest), rest
    for name, value in service()["environment"].items():
        assert value is None or value.startswith("${"), f"{name} is handed in, not written down"
    assert not SECRET_NAME.search(str(service().get("build")))


def test_nothing_but_what_the_image_needs_is_sent_to_the_builder() -> None:
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {"requirements.lock", "pyproject.toml", "README.md", "benchmarks", "optimizers", "service"}


def test_an_installed_whet_has_the_files_beside_its_modules() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, named in declared["package-data"].items()
        for pattern in named
    ]
    wanted = [CHECKOUT / "benchmarks/models/tiny/weights", CHECKOUT / "service"]
    files = [
        str(path.relative_to(CHECKOUT))
        for folder in wanted
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert len(files) > 8
    assert [file for file in files if not any(fnmatch.fnmatch(file, pattern) for pattern in patterns)] == []


def test_the_image_has_the_commands_that_the_files_name() -> None:
    commands = re.findall(r"^  ([a-z]+) ", whet("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    named = re.findall(r"docker run .* whet (\w+)", DOCKERFILE)
    assert set(named) == {"worker", "optimize"}
    assert {*named, json.loads(last("CMD"))[0], service()["command"][0]} <= set(commands)
    assert json.loads(last("ENTRYPOINT")) == ["whet"]
    assert service()["command"] == json.loads(last("CMD"))


def test_everywhere_is_the_port_that_whet_serves_on() -> None:
    assert re.search(rf"\[default: {PORT};", whet("serve", "--help").stdout)
    assert last("EXPOSE") == PORT
    assert f":{PORT}/healthz" in image_health()[-1]


def test_compose_is_bound_to_this_machine_and_asks_for_a_key() -> None:
    assert service()["ports"] == [f"${{WHET_ADDRESS:-127.0.0.1}}:${{WHET_PORT:-{PORT}}}:{PORT}"]
    assert service()["environment"]["WHET_ADMIN_KEY"].startswith("${WHET_ADMIN_KEY:?")
    assert "WHET_ENDPOINTS" in service()["environment"]


def test_compose_takes_from_the_container_what_it_does_not_need() -> None:
    found = service()
    assert found["read_only"] is True
    assert found["tmpfs"] == ["/tmp"]
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in found
    assert "user" not in found, "the image's own user"
    assert found["restart"] == "unless-stopped"


def test_what_whet_keeps_is_on_the_volume() -> None:
    assert "WHET_HOME=/data" in last("ENV")
    assert last("VOLUME") == "/data"
    assert service()["volumes"] == ["data:/data"]


def test_both_files_check_health_in_the_same_way() -> None:
    health = service()["healthcheck"]
    assert health["test"] == ["CMD", *image_health()]
    for option in ("interval", "timeout", "start_period", "retries"):
        assert f"--{option.replace('_', '-')}={health[option]} " in f"{last('HEALTHCHECK')} "


def test_the_images_command_refuses_to_serve_without_a_key(tmp_path: Path) -> None:
    refused = whet(*json.loads(last("CMD")), environment={"WHET_HOME": str(tmp_path)})
    assert refused.returncode == 2
    assert "WHET_ADMIN_KEY" in refused.stderr


@pytest.fixture
def port() -> int:
    with socket.socket() as listening:
        listening.bind(("", 0))
        return int(listening.getsockname()[1])


@pytest.fixture
def server(port: int, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The image's command under way, with a key."""
    environment = {"WHET_HOME": str(tmp_path / "data"), "WHET_ADMIN_KEY": secrets.token_hex(16)}
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [WHET, *json.loads(last("CMD")), "--port", str(port)],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=log,
            stderr=log,
        )
    yield process
    process.kill()
    process.wait()


def healthy(port: int) -> bool:
    """What the health check says; a proxy in the environment is no concern of it."""
    program, *arguments = image_health()
    assert program == "python"
    checked = subprocess.run(
        [sys.executable, *(argument.replace(f":{PORT}/", f":{port}/") for argument in arguments)],
        env={"http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert checked.returncode in (0, 1)
    return checked.returncode == 0


def test_the_health_check_tells_a_server_from_none_and_a_stop_ends_it_in_time(
    server: subprocess.Popen[bytes], port: int
) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not healthy(port):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    server.send_signal(signal.SIGTERM)
    server.wait(int(service()["stop_grace_period"].removesuffix("s")))
    assert not healthy(port)
