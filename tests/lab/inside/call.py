"""Call one function of a module: request and reply are pickles in files (see `Host.call`)."""

import contextlib
import pickle
import sys
from pathlib import Path


def main(request: str, reply: str) -> None:
    try:
        function, arguments = pickle.loads(Path(request).read_bytes())
        result = True, function(*arguments)
    except Exception as error:
        result = False, error
    Path(reply).write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        main(*sys.argv[1:])
