"""The table of rights in docs/rights.md, as data: one row a door, one cell a kind of person.

A cell says what someone of that kind meets at the door: `yes`, `no` (told that they may not), `-` (told nothing:
the same as where no such thing is), `sign in`.
"""

from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "docs" / "rights.md"
KINDS = ("nobody", "disabled", "other", "viewer", "member", "owner", "curator", "auditor", "administrator")
Row = dict[str, str]


def rows() -> dict[str, Row]:
    """Every row of every table of the page, by its door."""
    found: dict[str, Row] = {}
    for line in FILE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 1 + len(KINDS):
            door = cells[0].strip("`")
            assert door not in found, f"{door} stands twice in docs/rights.md"
            found[door] = dict(zip(KINDS, cells[1:], strict=True))
    return found


def written(door: str, row: Row) -> str:
    return f"| `{door}` | " + " | ".join(row[kind] for kind in KINDS) + " |"


def differences(found: dict[str, Row], section: str) -> list[str]:
    """What the page says otherwise than it is, as the lines that the page would need. `section` begins a door."""
    told = {door: row for door, row in rows().items() if door.startswith(section)}
    missing = [f"missing: {written(door, row)}" for door, row in found.items() if door not in told]
    gone = [f"no such door: {door}" for door in told if door not in found]
    wrong = [
        f"{door}, {kind}: the page says {told[door][kind]}, it is {row[kind]}"
        for door, row in found.items()
        for kind in KINDS
        if door in told and told[door][kind] != row[kind]
    ]
    return missing + gone + wrong
