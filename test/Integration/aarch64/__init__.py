"""Models for aarch64, run by an emulator.

Debian's cross compiler builds the runtime and a small driver from their sources,
peermla-compile links the former with the code of a model into a library, and
`qemu-aarch64` runs the driver with it.
"""

import pathlib
import shutil
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMPILER = "aarch64-linux-gnu-g++"
ARCHIVER = "aarch64-linux-gnu-ar"
EMULATOR = "qemu-aarch64"
PACKAGES = "g++-aarch64-linux-gnu qemu-user"
_SYSTEM = "/usr/aarch64-linux-gnu"
_SHARED = ROOT / "tools" / "peermla-run"


def is_available():
    return bool(shutil.which(COMPILER) and shutil.which(EMULATOR))


def _headers(folder):
    """Headers without an architecture that only the host's folders have."""
    (folder / "include").mkdir()
    for name in ("dlpack", "nlohmann"):
        (folder / "include" / name).symlink_to(pathlib.Path("/usr/include") / name)


def _run(command, folder):
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[:400]}")


_lock = threading.Lock()


def tools(folder):
    """(runtime archive, driver), built into `folder` by whoever comes first."""
    archive, driver = folder / "libpeermla_runtime.a", folder / "run_entry"
    with _lock:
        if driver.exists():
            return archive, driver
        folder.mkdir(parents=True, exist_ok=True)
        _headers(folder)
        options = [
            "-std=c++17", "-O2", "-fPIC", f"-I{ROOT / 'include'}", f"-I{folder / 'include'}",
            f"-I{_SHARED}",
        ]  # fmt: skip
        sources = [
            path
            for path in (ROOT / "lib" / "Runtime").rglob("*.cpp")
            if path.stem != "SimulatorDevice"
        ]
        # As the project's build has them.
        alone = ["-fno-exceptions", "-mno-outline-atomics", "-fvisibility=hidden"]
        _run([COMPILER, *options, *alone, "-c", *sources], folder)
        _run([ARCHIVER, "rcs", archive, *folder.glob("*.o")], folder)
        sources = [
            pathlib.Path(__file__).parents[1] / "run_entry.cpp",
            _SHARED / "DeviceTensors.cpp",
            _SHARED / "EntryTensors.cpp",
        ]
        libraries = [archive, "-l:libgomp.so.1", "-lpthread", "-ldl"]
        _run([COMPILER, *options, *sources, *libraries, "-o", driver], folder)
    return archive, driver


def compile_options(archive):
    """What peermla-compile needs to write a library for aarch64."""
    return ["--cpu-levels=aarch64", f"--runtime={archive}", f"--library-path={_SYSTEM}/lib"]


def command(driver, library, model, entry, inputs, weights, outputs):
    """The command that runs an entry of a library."""
    return [EMULATOR, "-L", _SYSTEM, driver, library, model, entry, inputs, weights, outputs]
