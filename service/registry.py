"""The registry: prompts by name, in immutable versions with their evidence, and labels that point to versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from benchmarks.prompts.prompt import Prompt
from service.home import Home
from service.tables import label_moves, labels, versions


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
    """A prompt's versions, from the first, and where its labels point."""

    name: str
    versions: tuple[Summary, ...]
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a label: to `version`, which `replaced` another (None: it was unset), why and by whom."""

    version: int
    replaced: int | None
    why: str
    moved_by: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The prompts of a home."""

    home: Home

    def register(self, name: str, prompt: Prompt, evidence: Mapping[str, Any] | None) -> int:
        """The version of `prompt` under `name`: a new one, or the one it already has."""
        with self.home.writing() as connection:
            known = connection.scalar(
                sa.select(versions.c.version).where(versions.c.name == name, versions.c.digest == prompt.digest)
            )
            if known is not None:
                return int(known)
            latest = connection.scalar(sa.select(sa.func.max(versions.c.version)).where(versions.c.name == name))
            version = int(latest or 0) + 1
            connection.execute(
                versions.insert().values(
                    name=name,
                    version=version,
                    digest=prompt.digest,
                    prompt=prompt.to_json(),
                    evidence=None if evidence is None else dict(evidence),
                    created_at=self.home.timestamp(),
                )
            )
            return version

    def label(self, name: str, label: str) -> int | None:
        """The version that `label` of `name` points to, if it is set."""
        with self.home.reading() as connection:
            return _pointed(connection, name, label)

    def move_label(self, name: str, label: str, version: int, why: str, moved_by: str) -> int | None:
        """Points `label` of `name` to `version` and logs the move: why, and who moved it. Nothing happens if it points
        there already. Returns the version it pointed to before.

        Raises UnknownPrompt if there is no such version.
        """
        self.find(name, version=version)
        with self.home.writing() as connection:
            current = _pointed(connection, name, label)
            if current == version:
                return current
            connection.execute(sa.delete(labels).where(labels.c.name == name, labels.c.label == label))
            connection.execute(labels.insert().values(name=name, label=label, version=version))
            connection.execute(
                label_moves.insert().values(
                    name=name,
                    label=label,
                    version=version,
                    replaced=current,
                    why=why,
                    moved_by=moved_by,
                    created_at=self.home.timestamp(),
                )
            )
            return current

    def names(self, limit: int, after: str = "") -> list[str]:
        """At most `limit` names of prompts that come after `after` in the alphabet, in order."""
        query = sa.select(versions.c.name).distinct().where(versions.c.name > after)
        with self.home.reading() as connection:
            return list(connection.scalars(query.order_by(versions.c.name).limit(limit)))

    def overview(self, name: str) -> Overview:
        """The versions and labels of `name`. Raises UnknownPrompt."""
        with self.home.reading() as connection:
            rows = connection.execute(
                sa.select(versions.c.version, versions.c.digest, versions.c.evidence, versions.c.created_at)
                .where(versions.c.name == name)
                .order_by(versions.c.version)
            ).all()
            pointers = connection.execute(
                sa.select(labels.c.label, labels.c.version).where(labels.c.name == name).order_by(labels.c.label)
            ).all()
        if not rows:
            raise UnknownPrompt(self._nothing(name, None, None))
        return Overview(
            name=name,
            versions=tuple(
                Summary(version=row.version, digest=row.digest, evidence=row.evidence, created_at=row.created_at)
                for row in rows
            ),
            labels={row.label: row.version for row in pointers},
        )

    def history(self, name: str, label: str) -> list[Move]:
        """Every move of `label` of `name`, the latest first. Raises UnknownPrompt if it never pointed anywhere."""
        moves = label_moves.c
        with self.home.reading() as connection:
            rows = connection.execute(
                sa.select(moves.version, moves.replaced, moves.why, moves.moved_by, moves.created_at)
                .where(moves.name == name, moves.label == label)
                .order_by(moves.sequence.desc())
            ).all()
        if not rows:
            raise UnknownPrompt(self._nothing(name, label, None))
        return [Move(**row._mapping) for row in rows]

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
            names = list(connection.scalars(sa.select(versions.c.name).distinct().order_by(versions.c.name)))
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


def parse_reference(reference: str, default_label: str = "production") -> tuple[str, str | None, int | None]:
    """The name, label and version in `NAME`, `NAME@label` or `NAME@version`: one of the last two is None."""
    name, _, pointer = reference.partition("@")
    if pointer.isdigit():
        return name, None, int(pointer)
    return name, pointer or default_label, None
