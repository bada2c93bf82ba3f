"""Tables as CSV that a spreadsheet does not take for formulas.

Example::

    csv_text(["Owner"], [["=1+1"]])     # 'Owner\r\n\'=1+1\r\n'
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Text that would begin a formula gets an apostrophe before it; numbers stay numbers."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([guarded(name) for name in columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, int | float) else guarded(str(value))


def guarded(text: str) -> str:
    """Spaces and the like in front do not help: they are what a spreadsheet skips."""
    return f"'{text}" if text.lstrip().startswith(STARTS) or text.startswith(STARTS) else text
