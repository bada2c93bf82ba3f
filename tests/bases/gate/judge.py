"""Judges every hostile image of a folder, in a process that can be traced: `python -m tests.bases.gate.judge`.

Prints how many were refused; any other error than a refusal ends it.
"""

import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cowweb.settings")
django.setup()

from bases.gate import admit  # noqa: E402 - settings first
from cowweb.errors import UnsafeImageError  # noqa: E402

refused = 0
for image in sorted(Path(sys.argv[1]).iterdir()):
    try:
        admit(image)
    except UnsafeImageError:
        refused += 1
print(refused)
