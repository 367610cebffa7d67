"""Control tokens: strings that a served tokenizer reads as structure, wherever they stand.

A row that holds one could end the user's turn and speak as the system, so such rows are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.datasets.records import Example
from benchmarks.errors import DataError

# By a part of the model's name, as their tokenizer files list them.
_KNOWN = {
    "qwen": ("<|im_start|>", "<|im_end|>", "<|endoftext|>"),
    "llama-3": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "llama-2": ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    "mistral": ("[INST]", "[/INST]"),
    "mixtral": ("[INST]", "[/INST]"),
    "gemma": ("<start_of_turn>", "<end_of_turn>"),
    "phi": ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
    "tiny": ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
    "deepseek": ("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
}


def control_tokens(model: str, special_tokens: Sequence[str] | None) -> tuple[str, ...]:
    """The control tokens of `model`: those the task names, and those known for its family."""
    family = [tokens for name, tokens in _KNOWN.items() if name in model.lower().replace("_", "-")]
    return tuple(dict.fromkeys([*(special_tokens or ()), *(token for tokens in family for token in tokens)]))


def broken_up(text: str, tokens: Sequence[str]) -> str:
    """`text` with a space within each of `tokens` in it, so that they are read as text: for what a model wrote, which
    cannot be refused."""
    for token in tokens:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def refuse_control_tokens(examples: Iterable[Example], tokens: Sequence[str]) -> None:
    """Raises DataError, naming the row, if a row holds one of `tokens`."""
    for example in examples:
        for text in (*example.inputs.values(), example.answer):
            found = next((token for token in tokens if token in text), None)
            if found:
                raise DataError(
                    f"{example.origin} holds {found!r}, a control token of the model: it would be read as structure, "
                    "not as text. Remove the row or rewrite the token."
                )
