"""A case that is imported and compiled, and calls of it on any device."""

import json
import os
import pathlib
import subprocess

import aarch64
import cpu_levels
import inputs as make_inputs
from oracle import checkpoint, models, storage

SIMULATED = ("sim:sm_80", "sim:sm_90a")
# Launches that were recorded with other lengths, in place of a mode of the simulator.
GRAPH = "graph"
TIMEOUT = 300
# Named ops of tiles become steps, and all linalg ops and loops plain loops.
STEPS_LEVEL = "x86-64-v3"
STEPS_PIPELINE = (
    "builtin.module(peermla-tiled-to-steps,canonicalize,cse,peermla-tiled-to-buffers,"
    "builtin.module(func.func(peermla-copies-to-kernels),peermla-outline-kernels,"
    "canonicalize,cse,peermla-merge-kernels,"
    "func.func(scf-forall-to-for,convert-linalg-to-loops),peermla-plan-workspace,"
    "canonicalize,cse,func.func(peermla-lower-contractions,peermla-vectorize-generics),"
    "canonicalize,cse),peermla-describe-model,peermla-verify-contract{stage=cpu})"
)


class ToolError(Exception):
    """A tool that failed: what it said, and its status (0 if it did not run)."""

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


def run_tool(command, environment=None):
    """Runs a tool; raises with its first lines if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=TIMEOUT,
            env=os.environ | (environment or {}), stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ToolError(f"{command[0]} ran past {TIMEOUT} s") from None
    except OSError as error:
        raise ToolError(str(error)) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        tool, status = pathlib.Path(command[0]).name, done.returncode
        raise ToolError(f"{tool}: status {status}: {' | '.join(said[:3])[:300]}", status)
    return done.stdout


def library_in(folder, case, dtype):
    """The library of a case in a folder of gpu.py."""
    return folder.resolve() / "libraries" / f"{case.name.replace('/', '_')}.{dtype}.so"


class Program:
    """A case at one storage type: its folder, its oracle, ways to call it."""

    def __init__(self, case, dtype, levels, folder, options):
        self.case, self.dtype, self.levels = case, dtype, levels
        self.folder, self.options = folder, options
        stored = {case.dtype_key: storage.TORCH_DTYPES[dtype]} if case.dtype_key else {}
        self.config = case.config | stored
        tensors = checkpoint.random(
            case.config, dtype, options.seed, case.query_bias, case.edit
        )
        self.weights = {name: tensor.wide() for name, tensor in tensors.items()}
        self.model = models.Model(case.config, self.weights)
        (folder / "config.json").write_text(json.dumps(self.config, indent=1))
        if case.shards:
            storage.save_sharded(folder, tensors, case.shards)
        else:
            storage.save(folder / "model.safetensors", tensors)
        self.calls = 0

    def build(self, device):
        """Imports and compiles what `device` needs."""
        if device == "emulated" or self.options.prebuilt:
            return
        tools = self.options.tools
        if not (self.folder / "m.mlir").exists():
            run_tool([tools / "peermla-import", self.folder, "-o", self.folder / "m.mlir"])
        more = [*self.case.compile_options, *self.options.compile_option]
        compiler = [tools / "peermla-compile", self.folder / "m.mlir", *more]
        if device in SIMULATED:
            target = device.removeprefix("sim:")
            gpu = [*compiler, f"--target={target}", "--simulate"]
            # Machine code of the GPU would only take time.
            run_tool([*gpu, "-o", self.folder / f"{target}.so"], {"PEERMLA_PTXAS": ""})
        if device == "cuda":
            run_tool([*compiler, "-o", self.cuda_library(), "--target=sm_80,sm_90a"])
        if device == "aarch64":
            archive, _ = aarch64.tools(self.options.folder / "aarch64")
            cross = aarch64.compile_options(archive)
            run_tool([*compiler, "-o", self.folder / "m.aarch64.so", *cross])
        if device == "steps":
            self.build_steps([*compiler, f"--cpu-levels={STEPS_LEVEL}"])
        if device != "cpu":
            return
        real = [level for level in self.levels if level not in cpu_levels.EMULATED]
        if real:
            run_tool([*compiler, "-o", self.library(real[0]), f"--cpu-levels={','.join(real)}"])
        for level in self.levels:
            if level not in real:
                self.build_emulated(level, [*compiler, "--cpu-levels=amx"])

    def build_emulated(self, level, compiler):
        """Stage by stage, with tiles replaced on the way."""
        tools = self.options.tools
        buffers, cpu = (self.folder / f"{level}.{stage}.mlir" for stage in ("buffers", "cpu"))
        run_tool([*compiler, "--emit=buffers", "-o", buffers])
        run_tool([tools / "peermla-opt", "--peermla-buffers-to-cpu=emulate-amx", buffers, "-o", cpu])
        output = self.library(level)
        run_tool([tools / "peermla-compile", "--input-stage=cpu", cpu, "-o", output])

    def build_steps(self, compiler):
        """The kernels of a CPU level with its named ops decomposed, as plain loops."""
        tools = self.options.tools
        tiled, cpu = (self.folder / f"steps.{stage}.mlir" for stage in ("tiled", "cpu"))
        run_tool([*compiler, "--emit=tiled", "-o", tiled])
        run_tool([tools / "peermla-opt", f"--pass-pipeline={STEPS_PIPELINE}", tiled, "-o", cpu])
        output = self.folder / "m.steps.so"
        run_tool([tools / "peermla-compile", "--input-stage=cpu", cpu, "-o", output])

    def library(self, level):
        return self.folder / (f"{level}.so" if level in cpu_levels.EMULATED else "m.so")

    def cuda_library(self):
        """Where the library with code for GPUs is, or is to be."""
        kept = self.options.prebuilt or self.options.make
        return library_in(kept, self.case, self.dtype) if kept else self.folder / "cuda.so"

    def program(self, device, level):
        """The file that peermla-run runs."""
        if device == "cuda":
            return self.cuda_library()
        if device in SIMULATED:
            return self.folder / f"{device.removeprefix('sim:')}.so"
        if device == "steps":
            return self.folder / "m.steps.so"
        return self.library(level) if device == "cpu" else self.folder / "m.mlir"

    def environment(self, device, level):
        """What chooses a level of the CPU, or a mode of the simulator."""
        if device in SIMULATED:
            return {"PEERMLA_SIM_ASYNC": "eager" if level == GRAPH else level}
        if device != "cpu":
            return None
        # Cases run beside each other: a thread that waits leaves its core to another.
        return {
            "PEERMLA_CPU_LEVEL": cpu_levels.EMULATED.get(level, level),
            "OMP_WAIT_POLICY": "passive",
        }

    def call(self, entry, tensors, device, level, recorded=None):
        """The outputs of an entry, as Tensors by name.

        With `recorded`, the launches are those of a call on these tensors.
        """
        if device == "emulated":
            return self.emulate(entry, tensors)
        self.calls += 1
        source, target = (self.folder / f"{kind}{self.calls}.st" for kind in ("in", "out"))
        storage.save(source, tensors)
        if device == "aarch64":
            _, driver = aarch64.tools(self.options.folder / "aarch64")
            library = [self.folder / "m.aarch64.so", self.model.architecture]
            command = aarch64.command(driver, *library, entry, source, self.folder, target)
        else:
            where = "cpu" if device == "steps" else device
            command = [
                self.options.tools / "peermla-run", self.program(device, level), f"--entry={entry}",
                f"--inputs={source}", f"--weights={self.folder}", f"--outputs={target}",
                f"--device={where}",
            ]  # fmt: skip
            if self.options.prebuilt:
                driver = self.options.prebuilt.resolve() / "run_entry"
                command = [driver, self.program(device, level), self.model.architecture, entry]
                command += [source, self.folder, target, device]
            if recorded:
                record = self.folder / f"record{self.calls}.st"
                storage.save(record, recorded)
                command.append(record if self.options.prebuilt else f"--record-inputs={record}")
        run_tool(command, self.environment(device, level))
        outputs = storage.load(target)
        if not self.options.keep:
            source.unlink()
            target.unlink()
        return outputs

    def emulate(self, entry, tensors):
        """The oracle with the roundings of the storage type."""
        wide = make_inputs.Inputs(tensors).wide()
        outputs = models.run(self.model, entry, wide, storage.rounder(self.dtype))
        types = {"scores": "f32", "logits": "f32", "indices": "i32"}
        return {
            name: storage.round_to(value, types.get(name, self.dtype))
            for name, value in outputs.items()
        }
