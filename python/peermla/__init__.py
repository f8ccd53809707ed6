"""peermla: a compiler for models of PEER layers and Multi-head Latent Attention.

    import peermla

    model = peermla.import_model("checkpoint/")     # a folder, a config, or a dict
    print(model.stage("tiled"))                     # its IR after any stage
    library = peermla.compile(model, "model.so")    # a library with a C interface
    session = library.load("checkpoint/")           # weights by file, or as arrays
    y = session.forward(x)                          # NumPy, PyTorch, or DLPack

Entries and shapes (T tokens in all, B sequences; integers are i32):

| architecture | entry | arguments | results |
|---|---|---|---|
| PeerLayer | forward | x [T, d] | y [T, d] |
| | retrieve | x [T, d] | scores, indices [T, h, k] |
| MlaLayer | forward | x [T, d], cu_seqlens [B+1] | y [T, d] |
| | step | x, cu_seqlens, past_lens [B], cache, block_table | y [T, d] |
| | decode | x, cache, block_table, seq_lens [B] | y [T, d] |
| language models | forward | tokens [T], cu_seqlens | logits [T, vocab] |
| | step | tokens, cu_seqlens, past_lens, cache, block_table, logit_rows [R] | logits [R, vocab] |
| | decode | tokens, cache, block_table, seq_lens | logits [T, vocab] |

`cache` is updated in place. What a library holds is in `library.describe()`. A
library can be used without the compiler: `peermla.Library("model.so")`.
Everything that goes wrong is a `peermla.Error`, a crash of the compiler included: it
compiles in a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ArgumentError, CompilerCrash, CompilerWarning, Error
from .library import Library
from .session import Session
from .torch_op import torch_op

if TYPE_CHECKING:
    from .compiler import CPU_LEVELS, STAGES, TARGETS, Model, compile, import_model

__all__ = [
    "CPU_LEVELS",
    "STAGES",
    "TARGETS",
    "ArgumentError",
    "CompilerCrash",
    "CompilerWarning",
    "Error",
    "Library",
    "Model",
    "Session",
    "compile",
    "import_model",
    "torch_op",
]

__version__ = "0.1.0"

_OF_THE_COMPILER = {"CPU_LEVELS", "STAGES", "TARGETS", "Model", "compile", "import_model"}


def __getattr__(name: str) -> Any:
    # The compiler brings LLVM along; who only runs a library does without.
    if name not in _OF_THE_COMPILER:
        raise AttributeError(f"module 'peermla' has no attribute '{name}'")
    from . import compiler

    return getattr(compiler, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
