"""assemble.py FILE.ptx TARGET: assembles the modules that --emit=ptx wrote and
prints what ptxas says of each kernel: `NAME: R registers, S bytes of stack and spills`."""

import pathlib
import re
import subprocess
import sys

path, target = pathlib.Path(sys.argv[1]), sys.argv[2]
modules = re.split(r"^// sm_\w+ (\S+)\n", path.read_text(), flags=re.M)[1:]
for name, text in zip(modules[::2], modules[1::2]):
    module = path.with_suffix(f".{name}.ptx")
    module.write_text(text)
    command = ["ptxas", f"-arch={target}", "-v", str(module), "-o", "/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{name}: {result.stderr}")
    # C75xx: products of warpgroups that were made to run one after the other.
    if "(C75" in result.stderr:
        sys.exit(f"{name}: {result.stderr}")
    registers = re.search(r"Used (\d+) registers", result.stderr)[1]
    spilled = sum(map(int, re.findall(r"(\d+) bytes (?:stack|spill)", result.stderr)))
    print(f"{name}: {registers} registers, {spilled} bytes of stack and spills")
