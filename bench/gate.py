"""The image gate: what judging one image takes, sound ones and hostile ones."""

import os
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Comparison, Options, Reach, measured
from bench.site import inside
from tests.bases.gate.attacks import further
from tests.bases.gate.images import hostile
from tests.bases.gate.sound import sound_images

USUAL_MS, WORST_MS = 100, 5000
SOUND, HOSTILE = "sound images", "hostile images"


def benchmark(folder: Path, options: Options) -> Iterator[Comparison]:
    """Every image once, by the site's own gate."""
    environment = {**os.environ, "COWWEB_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "cowweb.settings"}
    sound, bad = folder / "import" / "sound", folder / "import" / "hostile"
    for place in (sound, bad):
        place.mkdir(parents=True)
    for number, (_, image) in enumerate([*hostile({}), *further()]):
        (bad / f"{number:03}").write_bytes(image)
    for _ in sound_images(sound):
        pass
    judged = {name: inside(environment, "judged", place) for name, place in ((SOUND, sound), (HOSTILE, bad))}
    notes = {name: f"{found['taken']} of {len(found['ms'])} taken" for name, found in judged.items()}
    done = measured("gate: one image judged", {name: found["ms"] for name, found in judged.items()}, notes)
    worst = max(max(found["ms"]) for found in judged.values())
    reaches = [
        Reach("one sound image, p50", done.p50_ms(SOUND), USUAL_MS, at_least=False, unit="ms"),
        Reach("the worst of all images", worst, WORST_MS, at_least=False, unit="ms"),
        Reach("hostile images taken", judged[HOSTILE]["taken"], 0, at_least=False, unit=""),
    ]
    yield Comparison(done.title, done.lines, reaches)
