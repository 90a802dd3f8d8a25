"""Run a program on a host of the lab and print, as JSON, how it went: timed.py PROGRAM..."""

import json
import os
import subprocess
import sys
import time


def main(argv: list[str]) -> None:
    start = time.perf_counter()
    program = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdout is not None and program.stderr is not None
    output = program.stdout.read()
    errors = program.stderr.read()  # little enough never to fill its pipe
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    result = {
        "seconds": time.perf_counter() - start,
        "peak_kib": usage.ru_maxrss,
        "status": program.returncode,
        "output": output.decode(),
        "errors": errors.decode(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
