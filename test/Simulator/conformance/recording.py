"""Recordings: what a device made of cases. Text, possibly compressed:

    peermla-recording 1
    device NVIDIA H100 80GB HBM3
    driver 12080
    date 2000-01-31
    NAME DIGEST BYTES-IN-HEX
"""

import dataclasses
import gzip
import zlib

from simulate import Failure

HEADER = ("device", "driver", "date")


@dataclasses.dataclass
class Recording:
    path: str
    header: dict[str, str]
    # Digest and bytes by the case's name.
    results: dict[str, tuple[str, bytes]]


def read(path):
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        lines = content.decode("ascii").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Failure(f"{path}: not a recording: {error}") from None
    if not lines or lines[0] != "peermla-recording 1":
        got = lines[0][:40] if lines else ""
        raise Failure(f"{path}:1: expected 'peermla-recording 1', got '{got}'")
    header = {}
    for number, key in enumerate(HEADER, 2):
        word, _, value = (lines[number - 1] if number <= len(lines) else "").partition(" ")
        if word != key or not value:
            raise Failure(f"{path}:{number}: expected '{key} ...', got '{word}'")
        header[key] = value
    results = {}
    for number, line in enumerate(lines[1 + len(HEADER) :], 2 + len(HEADER)):
        fields = line.split(" ")
        try:
            name, digest, text = fields
            content = bytes.fromhex(text)
        except ValueError:
            raise Failure(f"{path}:{number}: expected a name, a digest and bytes, got "
                          f"'{line[:60]}'") from None
        if name in results:
            raise Failure(f"{path}:{number}: '{name}' occurs twice")
        results[name] = (digest, content)
    return Recording(str(path), header, results)
