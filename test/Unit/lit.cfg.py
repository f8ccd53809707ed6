"""Configuration of the GoogleTest binaries: build/test/Unit/<Folder>/*Tests."""

import os

import lit.formats
from lit.llvm import llvm_config

config.name = "peermla-unit"
config.test_format = lit.formats.GoogleTest(".", "Tests")
config.suffixes = []
config.test_source_root = os.path.join(config.peermla_obj_root, "test", "Unit")
config.test_exec_root = config.test_source_root
llvm_config.with_system_environment(["HOME", "TMPDIR"])
