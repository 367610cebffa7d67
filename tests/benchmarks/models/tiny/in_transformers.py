"""Answers the chats on standard input with transformers, in the environment that has it (.venv-train).

Reads a JSON list of chats, writes for each its token ids, the scores of the next token, and the greedy reply.
"""

from __future__ import annotations

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MOST_NEW_TOKENS = 12


def main() -> None:
    """Loads the folder that the first argument names."""
    folder = sys.argv[1]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    answers = []
    for chat in json.load(sys.stdin):
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        tokens = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            scores = model(**tokens).logits[0, -1]
            reply = model.generate(**tokens, max_new_tokens=MOST_NEW_TOKENS, do_sample=False)
        length = tokens["input_ids"].shape[1]
        answers.append(
            {
                "tokens": tokens["input_ids"][0].tolist(),
                "scores": scores.tolist(),
                "reply": tokenizer.decode(reply[0, length:], skip_special_tokens=True),
            }
        )
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
