"""CPU levels of compiled libraries, and which of them this machine runs."""

import platform

# In the order of preference, best last; each with the flags of /proc/cpuinfo
# that it needs beyond the levels before it.
X86_LEVELS = {
    "x86-64-v3": {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v4-bf16": {"avx512_bf16"},
    "amx": {"amx_tile", "amx_bf16"},
}

ALL = [*X86_LEVELS, "aarch64"]


def _cpu_flags():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            for line in info:
                if line.startswith("flags"):
                    return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


def of_this_machine():
    """The levels that this machine runs, best last."""
    if platform.machine() == "aarch64":
        return ["aarch64"]
    flags = _cpu_flags()
    levels = []
    for level, needed in X86_LEVELS.items():
        if not needed <= flags:
            break
        levels.append(level)
    return levels
