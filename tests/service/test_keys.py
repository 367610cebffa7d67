"""Keys are shown once, known by their digest, and end when they are revoked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from benchmarks.errors import InputError, StorageError
from service.home import Home
from service.key_use import KeyUse
from service.keys import ADMIN, PREFIX, PROMOTE, READ, SCOPES, WRITE, Caller, Keys
from service.tables import api_keys


@pytest.fixture
def keys(home: Home) -> Keys:
    return Keys(home)


def test_a_key_lets_its_holder_do_what_its_scopes_say(keys: Keys) -> None:
    caller = keys.caller(keys.create("app", [READ, WRITE]))
    assert caller is not None
    assert (caller.name, caller.scopes) == ("app", (READ, WRITE))
    assert [caller.may(scope) for scope in (READ, WRITE, PROMOTE, ADMIN)] == [True, True, False, False]


def test_the_scope_admin_includes_all_others() -> None:
    assert all(Caller(id="k", name="k", scopes=(ADMIN,)).may(scope) for scope in SCOPES)
    assert not any(Caller(id="k", name="k", scopes=()).may(scope) for scope in SCOPES)


def test_keys_are_long_all_different_and_known_by_their_prefix(keys: Keys) -> None:
    made = {keys.create("app", [READ]) for _ in range(50)}
    assert len(made) == 50
    for key in made:
        assert key.startswith(PREFIX)
        assert len(key.removeprefix(PREFIX)) == 43  # 256 bits in base64
    assert len({row.id for row in keys.listed()}) == 50


def test_only_the_digest_of_a_key_is_kept(keys: Keys) -> None:
    key = keys.create("app", [READ])
    with keys.home.reading() as connection:
        [row] = connection.execute(sa.select(api_keys)).all()
    assert row.digest == hashlib.sha256(key.encode()).hexdigest()
    assert key not in repr(row)


@pytest.mark.parametrize("wrong", ["", "whet_", "app", "whet_" + "A" * 43])
def test_no_other_key_is_valid(keys: Keys, wrong: str) -> None:
    key = keys.create("app", [READ])
    for other in (wrong, key[:-1], key + "A", key.swapcase(), key.removeprefix(PREFIX), f" {key}"):
        assert keys.caller(other) is None


def test_a_digest_is_no_key(keys: Keys) -> None:
    assert keys.caller(hashlib.sha256(keys.create("app", [READ]).encode()).hexdigest()) is None


def test_a_revoked_key_is_valid_no_more_and_stays_in_the_list(keys: Keys) -> None:
    first, second = keys.create("first", [READ]), keys.create("second", [READ])
    [row] = [row for row in keys.listed() if row.name == "first"]
    keys.revoke(row.id)
    assert keys.caller(first) is None
    assert keys.caller(second) is not None
    shown = {row.name: row.revoked_at for row in keys.listed()}
    assert shown == {"first": "2026-01-02T03:04:05.000+00:00", "second": None}


def test_a_key_is_revoked_once(keys: Keys) -> None:
    keys.create("app", [READ])
    key_id = keys.listed()[0].id
    keys.revoke(key_id)
    later = replace(keys.home, now=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    Keys(later).revoke(key_id)
    assert keys.listed()[0].revoked_at == "2026-01-02T03:04:05.000+00:00"


def test_a_key_is_valid_until_it_expires(keys: Keys) -> None:
    end = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
    key = keys.create("app", [READ], expires_at=end)
    assert keys.listed()[0].expires_at == "2026-01-02T04:00:00.000+00:00"
    for at, valid in ((end - timedelta(milliseconds=1), True), (end, False), (end + timedelta(days=1), False)):
        later = Keys(replace(keys.home, now=lambda at=at: at))  # type: ignore[misc]
        assert (later.caller(key) is not None) == later.any_valid() == valid
    assert keys.any_made()


def test_a_key_that_would_never_be_valid_is_not_made(keys: Keys) -> None:
    with pytest.raises(InputError, match="would never be valid"):
        keys.create("app", [READ], expires_at=keys.home.now())
    assert keys.listed() == []


def test_its_quota_comes_with_the_caller(keys: Keys) -> None:
    caller = keys.caller(keys.create("app", [READ], calls_per_day=9))
    assert caller is not None
    assert caller.calls_per_day == keys.listed()[0].calls_per_day == 9


def test_use_is_noted_in_memory_and_written_by_a_flush(keys: Keys) -> None:
    keys.create("app", [READ])
    [row] = keys.listed()
    use = KeyUse(keys)
    use.note(row.id)
    assert keys.listed()[0].last_used_at is None
    use.flush()
    assert keys.listed()[0].last_used_at == "2026-01-02T03:04:05.000+00:00"
    keys.used({row.id: "2025-01-01T00:00:00.000+00:00"})
    assert keys.listed()[0].last_used_at == "2026-01-02T03:04:05.000+00:00", "another process knew of a later use"


def test_use_that_a_busy_database_did_not_take_is_written_later(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.create("app", [READ])
    use = KeyUse(keys)
    use.note(keys.listed()[0].id)

    def busy(*_: object) -> None:
        raise StorageError("busy")

    with monkeypatch.context() as patched:
        patched.setattr(Keys, "used", busy)
        use.flush()
    use.flush()
    assert keys.listed()[0].last_used_at is not None


def test_what_is_no_key_cannot_be_revoked(keys: Keys) -> None:
    with pytest.raises(InputError, match="There is no key 'key-0'; `whet keys list` shows them"):
        keys.revoke("key-0")


def test_a_revoked_key_is_remembered_as_made(keys: Keys) -> None:
    assert not keys.any_made()
    keys.create("first", [READ])
    assert keys.any_made()
    assert keys.any_valid()
    keys.revoke(keys.listed()[0].id)
    assert keys.any_made()
    assert not keys.any_valid()


def test_an_unknown_scope_is_named_with_the_nearest_and_no_key_is_made(keys: Keys) -> None:
    with pytest.raises(InputError, match="There is no scope 'prompts:write'; choose among prompts:read, jobs:write"):
        keys.create("app", [READ, "prompts:write"])
    assert keys.listed() == []


def test_homes_have_keys_of_their_own(keys: Keys, home: Home) -> None:
    key = keys.create("app", [READ])
    assert Keys(home).caller(key) is not None
    with home.engine.begin() as connection:
        connection.execute(sa.delete(api_keys))
    assert Keys(home).caller(key) is None
