"""What the proposer model is asked: one DSPy signature for each way of writing an instruction.

Each writes one instruction per call, so that a bad answer spoils no other. This module imports DSPy; who only needs to
know what there is reads `optimizers.proposers.operators`.
"""

from __future__ import annotations

import dspy

INSTRUCTION = "the whole instruction, ready to use, and nothing else: no title, no comment, no quotes around it"
REQUIREMENTS = "what every instruction must keep to"
TASK = "what goes in, what should come out"


class Grounded(dspy.Signature):  # type: ignore[misc] # DSPy brings no types
    """Write an instruction for a language model that will do this task on rows it has not seen.

    Study the data first: what tells the answers apart, which rows are hard, what an answer looks like. Say what helps
    on rows like these, in the spirit of the angle. Do not copy examples; the model may be shown some apart from this.
    """

    task: str = dspy.InputField(desc=TASK)
    data: str = dspy.InputField(desc="a summary of the labelled rows")
    examples: str = dspy.InputField(desc="some labelled rows")
    angle: str = dspy.InputField(desc="what this instruction should try in particular")
    requirements: str = dspy.InputField(desc=REQUIREMENTS)
    instruction: str = dspy.OutputField(desc=INSTRUCTION)


class Reflective(dspy.Signature):  # type: ignore[misc]
    """Improve an instruction by what goes wrong with it.

    Look for one cause that explains several of the failures, also on rows like them: a rule that is missing, wrong or
    unclear, an answer that is mixed up with another, a form that is not said. State it as one hypothesis. Then edit the
    instruction for this hypothesis alone and leave the rest as it is. Do not write the failed rows into it. If a label
    looks wrong, do not bend the instruction to it. Earlier hypotheses are listed with what they brought; find another.
    """

    task: str = dspy.InputField(desc=TASK)
    instruction_so_far: str = dspy.InputField(desc="the instruction to improve")
    failures: str = dspy.InputField(desc="rows on which it failed: what went in, what was expected, what came")
    earlier_hypotheses: str = dspy.InputField(desc="what was tried before, with the change in score it brought")
    requirements: str = dspy.InputField(desc=REQUIREMENTS)
    hypothesis: str = dspy.OutputField(desc="one sentence: the cause, and what the edit does about it")
    instruction: str = dspy.OutputField(desc=INSTRUCTION)


class Recombine(dspy.Signature):  # type: ignore[misc]
    """Merge two instructions for the same task that both work well into one that is better than either.

    Keep what each says and the other lacks, say nothing twice, and settle contradictions. The result is about as long
    as the longer of the two.
    """

    task: str = dspy.InputField(desc=TASK)
    first: str = dspy.InputField(desc="the better instruction")
    second: str = dspy.InputField(desc="the other one")
    requirements: str = dspy.InputField(desc=REQUIREMENTS)
    hypothesis: str = dspy.OutputField(desc="one sentence: what is taken from each, and why this should help")
    instruction: str = dspy.OutputField(desc=INSTRUCTION)


class Paraphrase(dspy.Signature):  # type: ignore[misc]
    """Say the same in other words: every rule, label and format of the instruction stays, nothing is added."""

    instruction_so_far: str = dspy.InputField(desc="the instruction to reword")
    manner: str = dspy.InputField(desc="how to reword it")
    requirements: str = dspy.InputField(desc=REQUIREMENTS)
    instruction: str = dspy.OutputField(desc=INSTRUCTION)


class Fresh(dspy.Signature):  # type: ignore[misc]
    """Write an instruction for this task that takes an approach none of those tried takes.

    Read what was tried and how it scored, name an angle that is missing, and write the instruction from it, from
    scratch.
    """

    task: str = dspy.InputField(desc=TASK)
    examples: str = dspy.InputField(desc="some labelled rows")
    tried: str = dspy.InputField(desc="instructions tried so far, with their scores, the best first")
    requirements: str = dspy.InputField(desc=REQUIREMENTS)
    hypothesis: str = dspy.OutputField(desc="one sentence: the new angle, and why it should help")
    instruction: str = dspy.OutputField(desc=INSTRUCTION)


PROGRAMS = {
    "grounded": Grounded,
    "reflective": Reflective,
    "recombine": Recombine,
    "paraphrase": Paraphrase,
    "fresh": Fresh,
}
"""The signature of each operator."""
