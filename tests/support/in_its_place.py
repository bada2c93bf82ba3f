"""What a QEMU that a guest has taken over could do: tried as its user, with its rights, in its place.

Example::

    assert not reads(record, "/etc/shadow")        # `record` has the pid of a machine that runs
"""

import subprocess
from pathlib import Path


def facts_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def as_machine(record, *argv):
    """A program with exactly the rights of the running QEMU: its user, its groups, its view of the files."""
    facts = facts_of(record.pid)
    groups = facts["Groups"].split()
    return subprocess.run(
        [
            *("nsenter", f"--mount=/proc/{record.pid}/ns/mnt", "--", "setpriv", "--no-new-privs"),
            *(
                "--bounding-set=-all",
                f"--reuid={facts['Uid'].split()[0]}",
                f"--regid={facts['Gid'].split()[0]}",
            ),
            "--groups=" + ",".join(groups) if groups else "--clear-groups",
            *("--", *argv),
        ],
        capture_output=True,
    )


def reads(record, path):
    return as_machine(record, "cat", path).returncode == 0


def writes(record, path):
    return as_machine(record, "dd", "if=/dev/null", f"of={path}", "conv=notrunc").returncode == 0
