_Answer = tuple[str | None, list[tuple[str, str]], bool]

STAGES: tuple[str, ...]
CPU_LEVELS: tuple[str, ...]
TARGETS: tuple[str, ...]

def import_checkpoint(path: str) -> _Answer: ...
def import_config(text: str, name: str) -> _Answer: ...
def print_stage(
    model: bytes,
    name: str,
    stage: str,
    cpu_levels: list[str],
    targets: list[str],
    attention_form: str,
    schedules: str,
    deterministic: bool,
) -> _Answer: ...
def compile_model(
    model: bytes,
    name: str,
    cpu_levels: list[str],
    targets: list[str],
    attention_form: str,
    schedules: str,
    deterministic: bool,
    output: str,
    runtime_archive: str,
    simulate: bool,
    with_report: bool,
    report_sizes: dict[str, int],
) -> _Answer: ...
