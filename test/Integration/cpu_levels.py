"""CPU levels of compiled libraries, and which of them this machine runs."""

import ctypes
import platform

# In the order of preference, best last; each with the flags of /proc/cpuinfo
# that it needs beyond the levels before it.
X86_LEVELS = {
    "x86-64-v3": {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v4-bf16": {"avx512_bf16"},
    "amx": {
        "amx_bf16", "amx_int8", "amx_tile", "avx512_bitalg", "avx512_fp16", "avx512_vbmi2",
        "avx512_vnni", "avx512_vpopcntdq", "avx512ifma", "avx512vbmi", "avx_vnni", "gfni",
        "vaes", "vpclmulqdq",
    },
}

ALL = [*X86_LEVELS, "aarch64"]

# The level `amx` with its instructions computed by plain vectors, which needs
# those of another level.
EMULATED = {"amx-emulated": "x86-64-v3"}


def _has_tiles():
    """Whether Linux gives this process the state of tiles."""
    arch_prctl, request, tile_data = 158, 0x1023, 18
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(arch_prctl, request, tile_data) == 0


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
        if not needed <= flags or (level == "amx" and not _has_tiles()):
            break
        levels.append(level)
    return levels


def emulated_on(levels):
    """The emulated levels that a machine of `levels` runs."""
    return [name for name, needed in EMULATED.items() if needed in levels]
