"""The registry: prompts by name, in immutable versions with their evidence, and labels that point to versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import sqlalchemy as sa

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from benchmarks.prompts.prompt import Prompt
from service.announcements import version_created
from service.home import Home
from service.labels import Guard, Move, NothingBefore, last_move, moves, point, standing, unguarded
from service.tables import labels, versions
from service.tables import prompt_tags as tags

MOST_NAMED = 100
"""So many prompts a message names, or guesses among, where it was asked for another."""


LAST_VERSION = 2**31 - 1
"""The largest number that a version can have."""


class UnknownPrompt(InputError):
    """The registry has no such prompt, version or label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a prompt; `evidence` is None where nothing backs it."""

    name: str
    version: int
    prompt: Prompt
    evidence: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One version as lists show it; `created_at` is UTC in ISO 8601."""

    version: int
    digest: str
    evidence: Mapping[str, Any] | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A prompt's versions, from the first, where its labels point, and its tags."""

    name: str
    versions: tuple[Summary, ...]
    labels: Mapping[str, int]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Where a label points `now`, by its last move, and the version it pointed to before: None if it was unset."""

    replaced: int | None
    now: Move


@dataclass(frozen=True, slots=True)
class Registry:
    """The prompts of a home."""

    home: Home

    def register(self, name: str, prompt: Prompt, evidence: Mapping[str, Any] | None) -> int:
        """The version of `prompt` under `name`: a new one, or the one it already has."""
        return self.add(name, prompt, evidence)[0]

    def add(self, name: str, prompt: Prompt, evidence: Mapping[str, Any] | None) -> tuple[int, bool]:
        """As `register`, and whether the version is new."""
        with self.home.writing() as connection:
            known = connection.scalar(
                sa.select(versions.c.version).where(versions.c.name == name, versions.c.digest == prompt.digest)
            )
            if known is not None:
                return int(known), False
            latest = connection.scalar(sa.select(sa.func.max(versions.c.version)).where(versions.c.name == name))
            version, now = int(latest or 0) + 1, self.home.timestamp()
            connection.execute(
                versions.insert().values(
                    name=name,
                    version=version,
                    digest=prompt.digest,
                    prompt=prompt.to_json(),
                    evidence=None if evidence is None else dict(evidence),
                    created_at=now,
                )
            )
            version_created(connection, name, version, prompt.digest, at=now)
            return version, True

    def label(self, name: str, label: str) -> int | None:
        """The version that `label` of `name` points to, if it is set."""
        with self.home.reading() as connection:
            return _pointed(connection, name, label)

    def move_label(
        self, name: str, label: str, version: int, why: str, moved_by: str, *, guard: Guard = unguarded
    ) -> Moved:
        """Points `label` of `name` to `version` and logs the move: why, who moved it, and what backs the version.
        Nothing happens if it points there already.

        Raises UnknownPrompt if there is no such version, and what `guard` raises.
        """
        self.find(name, version=version)
        with self.home.writing() as connection:
            last = last_move(connection, name, label)
            guard(last)
            if last is not None and last.version == version:
                return Moved(replaced=version, now=last)
            now = point(
                connection,
                name,
                label,
                version,
                why=why,
                moved_by=moved_by,
                evidence=_evidence(connection, name, version),
                created_at=self.home.timestamp(),
            )
        return Moved(replaced=now.replaced, now=now)

    def rollback(self, name: str, label: str, why: str, moved_by: str, *, guard: Guard = unguarded) -> Moved:
        """Takes back the latest move of `label` of `name` that stands, and logs that; again, it takes back the one
        before.

        Raises UnknownPrompt if the label is unset, NothingBefore if its first setting is all that stands, and what
        `guard` raises.
        """
        self.find(name, label=label)
        with self.home.writing() as connection:
            guard(last_move(connection, name, label))
            undone = standing(connection, name, label)
            if undone is None or undone.replaced is None:
                raise NothingBefore(
                    f"The label '{label}' of '{name}' cannot be rolled back: no version stood before the one that it "
                    "points to. Point it to another version instead."
                )
            now = point(
                connection,
                name,
                label,
                undone.replaced,
                why=why,
                moved_by=moved_by,
                evidence=_evidence(connection, name, undone.replaced),
                created_at=self.home.timestamp(),
                undoes=undone.sequence,
            )
        return Moved(replaced=now.replaced, now=now)

    def last_move(self, name: str, label: str) -> Move:
        """The move that brought `label` of `name` to where it is. Raises UnknownPrompt if it is unset."""
        return self.history(name, label, limit=1)[0]

    def history(self, name: str, label: str, *, limit: int | None = None, before: int | None = None) -> list[Move]:
        """The moves of `label` of `name`, the latest first: at most `limit`, from before the one with the sequence
        `before`. Raises UnknownPrompt if it never pointed anywhere."""
        with self.home.reading() as connection:
            found = moves(connection, name, label, limit=limit, before=before)
        if not found and self.label(name, label) is None:
            raise UnknownPrompt(self._nothing(name, label, None))
        return found

    def names(self, limit: int, after: str = "", *, tag: str | None = None) -> list[str]:
        """At most `limit` names of prompts, of those with `tag`, that come after `after` in the alphabet, in order."""
        name = versions.c.name if tag is None else tags.c.name
        query = sa.select(name).distinct().where(name > after, *([] if tag is None else [tags.c.tag == tag]))
        with self.home.reading() as connection:
            return list(connection.scalars(query.order_by(name).limit(limit)))

    def overview(self, name: str) -> Overview:
        """The versions, labels and tags of `name`. Raises UnknownPrompt."""
        found = self.overviews([name])
        if not found:
            raise UnknownPrompt(self._nothing(name, None, None))
        return found[0]

    def overviews(self, names: Sequence[str]) -> list[Overview]:
        """The versions, labels and tags of the prompts among `names` that there are, in the order of the alphabet."""
        shown = (versions.c.name, versions.c.version, versions.c.digest, versions.c.evidence, versions.c.created_at)
        found: dict[str, list[Summary]] = {}
        pointers: dict[str, dict[str, int]] = {name: {} for name in names}
        tagged: dict[str, list[str]] = {name: [] for name in names}
        with self.home.reading() as connection:
            for name, *summary in connection.execute(
                sa.select(*shown).where(versions.c.name.in_(names)).order_by(versions.c.name, versions.c.version)
            ):
                fields = dict(zip(("version", "digest", "evidence", "created_at"), summary, strict=True))
                found.setdefault(name, []).append(Summary(**fields))
            for name, label, version in connection.execute(
                sa.select(labels.c.name, labels.c.label, labels.c.version)
                .where(labels.c.name.in_(names))
                .order_by(labels.c.label)
            ):
                pointers[name][label] = version
            for name, tag in connection.execute(
                sa.select(tags.c.name, tags.c.tag).where(tags.c.name.in_(names)).order_by(tags.c.tag)
            ):
                tagged[name].append(tag)
        return [
            Overview(name=name, versions=tuple(all_), labels=pointers[name], tags=tuple(tagged[name]))
            for name, all_ in found.items()
        ]

    def find(self, name: str, *, label: str | None = None, version: int | None = None) -> Version:
        """The version of `name` with that number, or that `label` points to.

        Raises UnknownPrompt that names what there is instead. An unknown label is never replaced by another one.
        """
        if version is None:
            if label is None:
                raise ValueError("either a label or a version")
            version = self.label(name, label)
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(versions).where(versions.c.name == name, versions.c.version == version)
            ).one_or_none()
        if row is None:
            raise UnknownPrompt(self._nothing(name, label, version))
        return Version(name=name, version=row.version, prompt=Prompt.from_json(row.prompt), evidence=row.evidence)

    def _nothing(self, name: str, label: str | None, version: int | None) -> str:
        with self.home.reading() as connection:
            every = sa.select(versions.c.name).distinct().order_by(versions.c.name)
            names = list(connection.scalars(every.limit(MOST_NAMED)))
            numbers = list(connection.scalars(sa.select(versions.c.version).where(versions.c.name == name)))
            known = list(connection.scalars(sa.select(labels.c.label).where(labels.c.name == name)))
        if not numbers:
            listed = f" It holds: {', '.join(names)}." if names else " It is empty: run `whet optimize` first."
            return f"The registry in {self.home.place} holds no prompt '{name}'.{listed}{did_you_mean(name, names)}"
        if label is not None:
            listed = ", ".join(sorted(known)) or "none"
            return f"The prompt '{name}' has no label '{label}'; its labels: {listed}."
        return f"The prompt '{name}' has no version {version}; its versions: 1 to {max(numbers)}."


def _pointed(connection: sa.Connection, name: str, label: str) -> int | None:
    found = connection.scalar(sa.select(labels.c.version).where(labels.c.name == name, labels.c.label == label))
    return None if found is None else int(found)


def _evidence(connection: sa.Connection, name: str, version: int) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = connection.scalar(
        sa.select(versions.c.evidence).where(versions.c.name == name, versions.c.version == version)
    )
    return found


class Pointer(TypedDict):
    """What names a version of a prompt: its number, or a label that points to it. The other one is None."""

    label: str | None
    version: int | None


def parse_pointer(pointer: str) -> Pointer:
    """The label or version that `pointer` is."""
    if pointer.isascii() and pointer.isdigit():
        return Pointer(label=None, version=min(int(pointer[:10]), LAST_VERSION))
    return Pointer(label=pointer, version=None)


def parse_reference(reference: str, default_label: str = "production") -> tuple[str, str | None, int | None]:
    """The name, label and version in `NAME`, `NAME@label` or `NAME@version`: one of the last two is None."""
    name, _, pointer = reference.partition("@")
    found = parse_pointer(pointer or default_label)
    return name, found["label"], found["version"]
