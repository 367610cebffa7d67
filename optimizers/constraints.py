"""What the user demands of every candidate: texts it must or must not contain, its length, passages it must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.errors import TaskError
from benchmarks.models.connect import Endpoint
from benchmarks.models.tokens import TokenCounter, token_counter
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task, check_instruction

_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """The `constraints` of a task; those left out hold for every prompt.

    Texts are compared with prompts as templates, so a `{{variable}}` is a text like others. `counter` counts the tokens
    of a prompt without its row; it is there where `max_prompt_tokens` is.
    """

    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()
    max_prompt_tokens: int | None = None
    protected: tuple[str, ...] = ()
    counter: TokenCounter | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """What stands in every prompt, word for word."""
        return tuple(dict.fromkeys([*self.must_contain, *self.protected]))

    def violation(self, prompt: Prompt) -> str | None:
        """Which constraint `prompt` violates, and how, in words; None if it keeps to them all."""
        text = "\n".join(message.content for message in prompt.messages)
        for passage in self.must_contain:
            if passage not in text:
                return f"it does not contain {_shown(passage)}, which constraints.must_contain demands"
        tokens = self._tokens(prompt)
        if self.max_prompt_tokens is not None and tokens > self.max_prompt_tokens:
            return f"it takes {tokens} tokens without the row; constraints.max_prompt_tokens: {self.max_prompt_tokens}"
        return self._banned(text) or self._unprotected(str(prompt.factors.get("instruction", text)))

    def violation_of(self, instruction: str) -> str | None:
        """Which constraint every prompt with `instruction` violates, however it is laid out."""
        return self._banned(instruction) or self._unprotected(instruction) or self._too_long(instruction)

    def in_words(self) -> Sequence[str]:
        """The constraints as demands on whoever writes an instruction."""
        demands = [f"It contains this passage, word for word: {passage}" for passage in self.required]
        demands += [f"It does not contain: {passage}" for passage in self.must_not_contain]
        if self.max_prompt_tokens is not None:
            demands.append(f"It is shorter than {self.max_prompt_tokens * 3 // 4} words.")
        return demands

    def _tokens(self, prompt: Prompt) -> int:
        if self.counter is None:
            return 0
        return self.counter.of_messages(prompt.render_row(dict.fromkeys(prompt.variables, "")))

    def _too_long(self, instruction: str) -> str | None:
        if self.counter is None or self.max_prompt_tokens is None:
            return None
        tokens = self.counter.of_text(instruction)
        if tokens <= self.max_prompt_tokens:
            return None
        return f"it takes {tokens} tokens; constraints.max_prompt_tokens: {self.max_prompt_tokens}"

    def _banned(self, text: str) -> str | None:
        folded = text.casefold()
        found = next((passage for passage in self.must_not_contain if passage.casefold() in folded), None)
        return None if found is None else f"it contains {_shown(found)}, against constraints.must_not_contain"

    def _unprotected(self, instruction: str) -> str | None:
        lost = next((passage for passage in self.protected if passage not in instruction), None)
        return None if lost is None else f"its instruction does not keep {_shown(lost)} of constraints.protected"


def make_constraints(task: Task) -> Constraints:
    """The constraints of `task`. Raises TaskError if a passage is no template over the task's inputs, or if one that is
    to be protected does not occur in the baseline's instruction."""
    section, model = task.spec.constraints, task.spec.model
    for name, passages in (("must_contain", section.must_contain), ("protected", section.protected)):
        for passage in passages:
            check_instruction(passage, task.signature, f"constraints.{name}")
    instruction = str(task.baseline.factors["instruction"])
    for passage in section.protected:
        if passage not in instruction:
            raise TaskError(
                f"constraints.protected: {_shown(passage)} does not occur in the baseline's instruction, "
                f"{_shown(instruction)}. Copy the passage from it, letter for letter."
            )
    limited = section.max_prompt_tokens is not None
    return Constraints(
        must_contain=tuple(section.must_contain),
        must_not_contain=tuple(section.must_not_contain),
        max_prompt_tokens=section.max_prompt_tokens,
        protected=tuple(section.protected),
        counter=token_counter(Endpoint(name=model.name, api_base=model.api_base) if model else Endpoint(name=""))
        if limited
        else None,
    )


def _shown(passage: str) -> str:
    return repr(passage if len(passage) <= _LONGEST_SHOWN else passage[: _LONGEST_SHOWN - 1] + "…")
