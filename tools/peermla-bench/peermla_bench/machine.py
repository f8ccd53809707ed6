"""What the numbers were measured on, and what else may disturb them."""

import datetime
import os
import pathlib
import platform
import re
import subprocess


def _read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _cpu_name():
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _cpu_flags():
    found = re.search(r"^flags\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    flags = set(found.group(1).split()) if found else set()
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
    return [flag for flag in wanted if flag in flags]


def _caches():
    root = pathlib.Path("/sys/devices/system/cpu/cpu0/cache")
    caches = []
    for index in sorted(root.glob("index*")):
        if _read(index / "type") != "Instruction":
            caches.append(f"L{_read(index / 'level')} {_read(index / 'size')}")
    return caches


def openmp_runtimes():
    """The OpenMP libraries in this process: two of them have two pools of
    threads, which wait for work on each other's cores."""
    paths = {line.split()[-1] for line in _read("/proc/self/maps").splitlines() if "/" in line}
    return sorted(p for p in paths if re.search(r"/lib(gomp|omp|iomp5)\b[^/]*$", p))


def thread_placement():
    """The CPU that each thread of this process ran on last."""
    places = []
    for task in sorted(pathlib.Path("/proc/self/task").iterdir(), key=lambda t: int(t.name)):
        fields = _read(task / "stat").rpartition(")")[2].split()
        if len(fields) > 36:
            places.append(int(fields[36]))
    return places


def _gpu(torch, device):
    """Name, driver and the like of a GPU; None for the CPU."""
    if device == "cpu":
        return None
    properties = torch.cuda.get_device_properties(device)
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
        driver = answer.stdout.split("\n")[0].strip()
    except (OSError, subprocess.SubprocessError):
        driver = "unknown"
    return {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "memory_bytes": properties.total_memory,
        "multiprocessors": properties.multi_processor_count,
        "driver": driver,
        "cuda_of_torch": torch.version.cuda,
    }


def describe(torch, threads, device):
    settings = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(("OMP_", "GOMP_", "KMP_", "MKL_", "PEERMLA_CPU", "LD_PRELOAD"))
    }
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "gpu": _gpu(torch, device),
        "cpu": _cpu_name(),
        "features": _cpu_flags(),
        "caches": _caches(),
        "cpus": sorted(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "huge_pages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": threads,
        "settings": settings,
    }


def text(machine):
    """A few lines for people."""
    load = machine["load"]
    busy = " (busy: ratios mean more than times)" if load > 0.5 else ""
    settings = " ".join(f"{k}={v}" for k, v in machine["settings"].items()) or "none"
    gpu = machine["gpu"]
    of_gpu = [f"{gpu['name']}, driver {gpu['driver']}, CUDA {gpu['cuda_of_torch']}"] if gpu else []
    return "\n".join((
        *of_gpu,
        f"{machine['date']}  {machine['cpu']}, {' '.join(machine['features'])}, "
        f"{', '.join(machine['caches'])}",
        f"{machine['threads']} threads on CPUs {machine['cpus']}, load {load}{busy}; "
        f"PyTorch {machine['torch']}, Python {machine['python']}",
        f"OpenMP settings: {settings}; huge pages: {machine['huge_pages']}",
    ))
