"""A script's header: the machine that the script asks for in its own leading comments.

Pure Python. Nothing here raises: whatever is wrong comes back as problems, all at once, with their lines.

Example::

    parsed = parse_script(data, limits=Limits(memory_mb=4096, cpus=4, limited_by="team"))
    parsed.problems                # (Problem(line=3, key="rexxjs-vm-cpus", message="…"),)
    parsed.header.memory_mb        # 2048
    parsed.interpreter.argv        # ("/usr/bin/env", "rexx")
"""

from provisioning.header.checks import Check, ExecCheck, HttpCheck, TcpCheck
from provisioning.header.interpreter import Interpreter
from provisioning.header.model import Header, KeyLine, Limits, Problem
from provisioning.header.params import Param
from provisioning.header.parse import Parsed, parse_script

__all__ = [
    "Check",
    "ExecCheck",
    "Header",
    "HttpCheck",
    "Interpreter",
    "KeyLine",
    "Limits",
    "Param",
    "Parsed",
    "Problem",
    "TcpCheck",
    "parse_script",
]
