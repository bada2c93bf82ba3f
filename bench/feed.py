"""A talkative script without a guest: called by the server's own runner, it feeds the real `Recorder`.

The run's script is JSON: how many lines, how many a second (0: as fast as they are taken), how long they are,
and whether each is written by itself. Every line carries the moment it was printed.
"""

import json
import time

from django.utils import timezone

from provisioning.models import Run
from provisioning.output import Recorder
from provisioning.phases import run_moved

TICK_S = 0.005
FILLING = 55


def feed(run_id: int) -> None:
    wanted = json.loads(Run.objects.get(pk=run_id).script_text)
    filling = "." * wanted.get("filling", FILLING)
    recorder = Recorder(Run.objects.get(pk=run_id))
    start, printed = time.monotonic(), 0
    while printed < wanted["lines"]:
        due = int((time.monotonic() - start) * wanted["rate"]) if wanted["rate"] else printed + 50
        for _ in range(printed, min(due, wanted["lines"])):
            recorder.take("stdout", f"{time.monotonic_ns()} {filling}\n".encode())
            printed += 1
            if wanted["alone"]:
                recorder.flush()
        recorder.flush_if_due()
        if wanted["rate"]:
            time.sleep(TICK_S)
    recorder.close()
    run_moved(run_id, to=Run.Status.SUCCEEDED, exit_code=0, ended_at=timezone.now())
