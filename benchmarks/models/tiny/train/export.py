"""The trained model as a folder in Hugging Face format."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from benchmarks.models.tiny.train.network import Shape
from benchmarks.models.tiny.train.tokenizer import END, SPECIAL

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{{ ' ' }}{% endif %}"
    "{{ message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""The space before an answer makes its tokens the same as after a marker such as `Output:`."""


def write_folder(shape: Shape, state_file: Path, tokenizer_file: Path, folder: Path) -> None:
    """Writes config, weights in half precision, tokenizer and chat template into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    state = torch.load(state_file, weights_only=True)
    weights = {name: tensor.to(torch.float16).contiguous() for name, tensor in state.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write(
        folder / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": None,
            "eos_token_id": END,
            "pad_token_id": END,
            "head_dim": shape.head_dim,
            "hidden_act": "silu",
            "initializer_range": 0.02,
            "mlp_bias": False,
            "num_key_value_heads": shape.num_attention_heads,
            "pretraining_tp": 1,
            "rope_scaling": None,
            "tie_word_embeddings": True,
            "dtype": "float16",
            "torch_dtype": "float16",
            "use_cache": True,
            **shape.to_config(),
        },
    )
    _write(folder / "generation_config.json", {"eos_token_id": END, "pad_token_id": END, "do_sample": False})
    Tokenizer.from_file(str(tokenizer_file)).save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": SPECIAL[END],
            "pad_token": SPECIAL[END],
            "additional_special_tokens": list(SPECIAL[1:]),
            "clean_up_tokenization_spaces": False,
            "model_max_length": shape.max_position_embeddings,
            "chat_template": CHAT_TEMPLATE,
        },
    )


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
