"""Target of the coverage-guided fuzz run of the document guard: what a file may be made to say.

In:  bytes from the fuzzer: one byte for the way in, then a name, then the content.
Out: nothing; an exception, facts that cannot be stored or a slow judgement end the run.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["awizo.documents", "awizo.triage"]):
    from awizo.documents.facts import judge_text
    from awizo.documents.frames import header_of
    from awizo.documents.other_files import judge_other
    from awizo.model import Attachment, DocumentFacts


def one_input(data: bytes) -> None:
    way, name_bytes, content = data[:1], data[1:33], data[33:]
    name = name_bytes.decode("utf-8", "replace").replace("\x00", "")
    if way < b"\x55":
        check(judge_text(content.decode("utf-8", "replace"), name, name))
    elif way < b"\xaa":
        check(judge_other(Attachment(name, "application/octet-stream", content), name))
    else:  # what a helper that went wrong may send
        try:
            header_of(content)
        except ValueError:
            return


def check(facts: DocumentFacts) -> None:
    if not 0 <= facts.confidence <= 1:
        raise AssertionError(f"confidence {facts.confidence}")
    for words in (facts.name, facts.number, facts.refers_to, facts.buyer_name, facts.currency):
        (words or "").encode()
    if facts.number is not None and not facts.number.strip():
        raise AssertionError("an empty number")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
