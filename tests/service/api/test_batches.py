"""An endpoint that is asked in batches is no endpoint to search with."""

from __future__ import annotations

from pathlib import Path

from tests.endpoints.server import endpoints, served
from tests.service.api import requests


def test_an_optimization_on_an_endpoint_in_batches_is_refused_with_the_reason(tmp_path: Path) -> None:
    environment = endpoints("http://127.0.0.1:9/v1", model="openai/local", batch=True)
    with served(tmp_path, environment, jobs=0) as server:
        for path in ("/v1/optimizations", "/v1/optimizations?dry_run=true"):
            answer = server.client.post(path, json=requests.small())
            assert answer.status_code == 422
            (place,) = answer.json()["errors"]
            assert place["pointer"] == "#/task/model"
            assert "a batch may take 24 h" in place["detail"]
        assert server.client.get("/v1/optimizations").json()["items"] == []
