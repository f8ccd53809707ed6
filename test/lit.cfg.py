"""Configuration of the lit suite: every .mlir and .test file below test/.

Substitutions beside lit's own: `%python` (the interpreter of the build),
`%host_cc` (the C compiler of the build), `%peermla_src_root` and
`%peermla_obj_root`. All tools of the project and of LLVM are on the path.

Features, for `REQUIRES:` lines: `ptxas`, `torch`, `host-compiler`, `libraries`
(models can be linked: not with a runtime that sanitizers have instrumented), and
one per CPU level that this machine runs: `x86-64-v3`, `x86-64-v4`,
`x86-64-v4-bf16`, `amx`, `aarch64`.

Wherever a test runs peermla-opt, it first checks that its input survives printing,
parsing and bytecode, and goes on with what it parsed first.
"""

import os
import subprocess
import sys

import lit.formats
from lit.llvm import llvm_config

config.name = "peermla"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "kernels", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.peermla_obj_root, "test")

llvm_config.with_environment("FILECHECK_OPTS", "-enable-var-scope", append_path=False)
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.peermla_tools_dir, append_path=True)
llvm_config.with_system_environment(["HOME", "TMPDIR", "PEERMLA_CPU_LEVEL"])

config.substitutions.append(("%python", f'"{config.python_executable}"'))
config.substitutions.append(("%host_cc", config.host_compiler))
config.substitutions.append(("%peermla_src_root", config.peermla_src_root))
config.substitutions.append(("%peermla_obj_root", config.peermla_obj_root))
config.substitutions.append(
    (r"(?<![\w./-])peermla-opt(?![\w.-])", "peermla-opt --verify-roundtrip")
)

if lit.util.which("ptxas", config.environment["PATH"]):
    config.available_features.add("ptxas")
if not config.sanitizer:
    config.available_features.add("libraries")
if config.host_compiler and os.path.exists(config.host_compiler):
    config.available_features.add("host-compiler")
has_torch = [
    config.python_executable,
    "-c",
    "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)",
]
if subprocess.run(has_torch, capture_output=True).returncode == 0:
    config.available_features.add("torch")

sys.path.insert(0, os.path.join(config.test_source_root, "Integration"))
import cpu_levels

config.available_features.update(cpu_levels.of_this_machine())
