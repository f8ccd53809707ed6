"""Reads lines of `peermla-sim --report=json` and checks that every report has
the fields that it must have, with their types; prints the kinds."""

import json
import sys

REQUIRED = {"kind": str, "message": str, "location": str, "op": str, "block": list, "count": int}


def main():
    for line in sys.stdin:
        result = json.loads(line)["result"]
        assert isinstance(result["completed"], bool) and isinstance(result["kernel"], str), line
        for report in result["reports"]:
            for name, kind in REQUIRED.items():
                assert isinstance(report.get(name), kind), f"'{name}' in {report}"
            assert len(report["block"]) == 3, report
            print(report["kind"])


if __name__ == "__main__":
    main()
