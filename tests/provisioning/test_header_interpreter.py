"""Who runs a script: its shebang's program, or the runtime that its form says."""

import pytest

from provisioning.header import parse_script


@pytest.mark.parametrize(
    ("first", "kind", "argv"),
    [
        ("#!/usr/bin/env rexx", "rexx", ("/usr/bin/env", "rexx")),
        ("#! /usr/local/bin/rexx", "rexx", ("/usr/local/bin/rexx",)),
        ("#!/usr/bin/regina -a", "rexx", ("/usr/bin/regina", "-a")),
        ("#!/usr/bin/env -S rexx -x", "rexx", ("/usr/bin/env", "-S rexx -x")),
        ("#!/bin/bash", "shebang", ("/bin/bash",)),
        ("#!/bin/sh -eu -x ", "shebang", ("/bin/sh", "-eu -x")),
        ("#!/usr/bin/env\tpython3", "shebang", ("/usr/bin/env", "python3")),
        ("#!/usr/bin/env", "shebang", ("/usr/bin/env",)),
        ("#!", "sh", ("/bin/sh",)),
        ("#!\r", "sh", ("/bin/sh",)),
        ("# words", "sh", ("/bin/sh",)),
        (" #!/bin/bash", "sh", ("/bin/sh",)),
        ("/* words */", "rexx", ("rexx",)),
        ("\n  /* words */", "rexx", ("rexx",)),
        ("-- words", "rexx", ("rexx",)),
        ("echo hi", "sh", ("/bin/sh",)),
    ],
)
def test_the_first_lines_say_the_interpreter(first: str, kind: str, argv: tuple[str, ...]) -> None:
    found = parse_script(f"{first}\nmore\n".encode()).interpreter
    assert (found.kind, found.argv, found.by_stdin) == (kind, argv, kind == "rexx")


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("say 'hi'", "deploy.rexx", "rexx"),
        ("# words", "Deploy.REXX", "rexx"),
        ("say 'hi'", "deploy.sh", "sh"),
        ("-- words", "deploy.sh", "sh"),
        ("/* words */", "deploy", "rexx"),
        ("#!/bin/bash", "deploy.rexx", "shebang"),
    ],
)
def test_the_file_name_decides_where_the_text_is_open(text: str, name: str, kind: str) -> None:
    assert parse_script(text.encode(), name=name).interpreter.kind == kind
