"""Target of the coverage-guided fuzz run: ``python parse_target.py [libFuzzer options] DIRS``.

In:  bytes from the fuzzer.
Out: nothing; an exception or a slow parse ends the run and leaves its input behind.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["awizo.triage"]):
    from awizo.triage.fold import fold, fold_with_map
    from awizo.triage.parse import parse


def one_input(data: bytes) -> None:
    message = parse(data)
    message.text.encode()
    for name, value in message.headers:
        name.encode("ascii")
        value.encode()
    folded = fold(message.subject)
    if fold(folded) != folded or fold_with_map(message.subject)[0] != folded:
        raise AssertionError("folding is not what it promises")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
