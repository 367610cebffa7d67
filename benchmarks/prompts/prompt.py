"""The prompt: what is scored is what is stored, served and rendered, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from benchmarks.digests import digest
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message, ParameterValue
from benchmarks.prompts.template import Part, TemplateError, fill, parse, variables

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """An immutable prompt.

    `messages` hold templates (see `benchmarks.prompts.template`), `parameters` the decoding parameters it was scored
    with, `reply_format` how it told the model to write the answer. `factors` says what it was made of; it explains
    the prompt and takes no part in its identity.
    """

    messages: tuple[Message, ...]
    parameters: Mapping[str, ParameterValue]
    reply_format: ReplyFormat = field(default_factory=ReplyFormat)
    factors: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def digest(self) -> str:
        """Identity: the sha256 of messages, decoding parameters and reply format."""
        return digest(
            {
                "messages": [[message.role, message.content] for message in self.messages],
                "parameters": dict(self.parameters),
                "reply_format": [self.reply_format.marker, self.reply_format.opening, self.reply_format.closing],
            }
        )

    @cached_property
    def _parsed(self) -> tuple[tuple[str, tuple[Part, ...]], ...]:
        return tuple((message.role, parse(message.content)) for message in self.messages)

    @cached_property
    def _fixed(self) -> tuple[Message | None, ...]:
        """The messages that are the same for all rows; None where there are variables."""
        return tuple(
            None if variables(parts) else Message(role=role, content=fill(parts, {})) for role, parts in self._parsed
        )

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names of the values that `render` needs, in order of first appearance."""
        return variables(part for _, parts in self._parsed for part in parts)

    def render(self, values: Mapping[str, str]) -> tuple[Message, ...]:
        """The messages to send, with every variable replaced by its value.

        Raises TemplateError, naming them, if variables are missing from `values` or `values` holds others.
        """
        if values.keys() != set(self.variables):
            missing = ", ".join(name for name in self.variables if name not in values)
            extra = ", ".join(name for name in values if name not in self.variables)
            raise TemplateError(
                "The values do not match the prompt's variables: "
                + "; ".join(filter(None, [missing and f"missing {missing}", extra and f"unknown {extra}"]))
                + "."
            )
        return self.render_row(values)

    def render_row(self, row: Mapping[str, str]) -> tuple[Message, ...]:
        """As `render`, for a labelled row, which may hold inputs that this prompt does not use."""
        return tuple(
            fixed or Message(role=role, content=fill(parts, row))
            for fixed, (role, parts) in zip(self._fixed, self._parsed, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """The prompt as JSON values; `from_json` reads it back."""
        return {
            "digest": self.digest,
            "messages": [{"role": message.role, "content": message.content} for message in self.messages],
            "variables": list(self.variables),
            "parameters": dict(self.parameters),
            "reply_format": {
                "marker": self.reply_format.marker,
                "opening": self.reply_format.opening,
                "closing": self.reply_format.closing,
            },
            "factors": dict(self.factors),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Prompt:
        """The prompt that `to_json` described.

        Raises TemplateError if `content` is no prompt, or if it carries a digest that its content does not have.
        """
        try:
            prompt = Prompt(
                messages=tuple(Message(role=str(m["role"]), content=str(m["content"])) for m in content["messages"]),
                parameters=dict(content.get("parameters") or {}),
                reply_format=ReplyFormat(**(content.get("reply_format") or {})),
                factors=dict(content.get("factors") or {}),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TemplateError(f"Not a prompt: expected messages, each with role and content ({error!r}).") from error
        if not prompt.messages or any(message.role not in ROLES for message in prompt.messages):
            raise TemplateError(f"Not a prompt: expected at least one message, each with a role of {', '.join(ROLES)}.")
        claimed = content.get("digest")
        if claimed is not None and claimed != prompt.digest:
            raise TemplateError(
                f"The prompt says its digest is {str(claimed)[:12]} but its content has {prompt.digest[:12]}: "
                "it was edited. Remove the digest to use it as a prompt of its own."
            )
        return prompt
