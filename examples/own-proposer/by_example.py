"""A proposer of one's own: instructions that explain each label by a short message of the train split."""

import random

from optimizers.proposers.protocol import Brief, Proposal

OPENINGS = (
    "Which team should handle this message?",
    "Name the team for the message below.",
    "You sort the mail of a shop. Give the team for each message.",
)
MOST_CHARACTERS = 60


class ByExample:
    """For each label one short train row, drawn anew for every proposal."""

    def propose(self, brief: Brief, count: int, rng: random.Random) -> list[Proposal]:
        """At most `count` instructions; they never hold a row of validation or test, because the brief has none."""
        short = [row for row in brief.train if len(self.text(row.inputs)) <= MOST_CHARACTERS]
        proposals = []
        for number in range(count):
            lines = []
            for label in brief.labels:
                fitting = [self.text(row.inputs) for row in short if row.answer == label]
                lines.append(f"- {label}" + (f", for example: {rng.choice(fitting)}" if fitting else ""))
            opening = OPENINGS[number % len(OPENINGS)]
            text = "\n".join([opening, "The teams are:", *lines, "Write only the team."])
            proposals.append(Proposal(text=text, source="by_example"))
        return proposals

    @staticmethod
    def text(inputs: dict[str, str]) -> str:
        """A row's inputs in one line, with braces doubled in the way of templates."""
        return " ".join(" ".join(inputs.values()).split()).replace("{{", '{{"{{"}}')
