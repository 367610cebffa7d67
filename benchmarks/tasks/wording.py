"""First words for a task that nobody has described: a description, and the plain instruction to begin with."""

from __future__ import annotations

from benchmarks.datasets.answers import AnswerKind
from benchmarks.datasets.column_names import words_of
from benchmarks.datasets.profile import Profile

MOST_LABELS_NAMED = 200
_QUESTIONS = (["is"], ["has"], ["was"], ["are"], ["does"], ["did"], ["can"], ["should"], ["needs"])
"""How names begin that ask for yes or no: `is_spam`."""


def description_of(profile: Profile) -> str:
    """One sentence that says what the task seems to be, as plain text."""
    given = f"Given the {_listed([_spoken(name) for name in profile.inputs])}"
    output = _spoken(profile.output.column)
    match profile.answers.kind:
        case AnswerKind.LABELS:
            asks = words_of(output)[:1] in _QUESTIONS
            return f"{given}, decide: {output}?" if asks else f"{given}, choose the {output}."
        case AnswerKind.NUMBERS:
            return f"{given}, give the {output} as a number."
        case AnswerKind.JSON:
            return f"{given}, write the {output} as JSON."
        case _:
            return f"{given}, write the {output}."


def instruction_for(profile: Profile) -> str:
    """The description and the form of the answer, with all labels of a classification: a template without variables."""
    return f"{description_of(profile)}\n{_form(profile)}".replace("{{", '{{"{{"}}')


def _form(profile: Profile) -> str:
    match profile.answers.kind:
        case AnswerKind.LABELS if 0 < len(profile.labels) <= MOST_LABELS_NAMED:
            if any(mark in label for label in profile.labels for mark in ",;\n"):
                return "\n".join(["Answer only with one of:", *(f"- {label}" for label in profile.labels)])
            return f"Answer only with one of: {', '.join(profile.labels)}."
        case AnswerKind.NUMBERS:
            return "Answer only with the number."
        case AnswerKind.JSON:
            keys = [f'"{key}"' for key in profile.answers.options.get("fields", ())]
            return (
                f"Answer only with one JSON object with the keys {_listed(keys)}." if keys else "Answer only with JSON."
            )
        case _:
            return f"Answer only with the {_spoken(profile.output.column)}."


def _spoken(name: str) -> str:
    return " ".join(name.replace("_", " ").split())


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
