"""The drawings are in proportion, and nothing that happened is too small to see."""

from types import SimpleNamespace

from cowweb.drawing import SMALLEST_SEGMENT, segments, sheets_of, stack, thickness


def test_phases_are_as_wide_as_their_share_of_the_time():
    disk, start, ready = segments(
        [{"name": "disk", "ms": 100}, {"name": "start", "ms": 100}, {"name": "ready", "ms": 200}]
    )
    assert (disk.x, disk.width) == (0, 25)
    assert (start.x, ready.x, ready.width) == (25, 50, 50)


def test_a_millisecond_beside_a_minute_is_still_seen():
    parse, script = segments([{"name": "parse", "ms": 1}, {"name": "script", "ms": 60_000}])
    assert parse.width >= SMALLEST_SEGMENT * 0.95
    assert round(parse.width + script.width) == 100


def test_a_phase_under_way_has_room_and_one_to_come_has_none():
    done, running, pending = segments(
        [
            {"name": "clone", "ms": 300},
            {"name": "script", "ms": None, "state": "running"},
            {"name": "checks", "ms": None, "state": "pending"},
        ]
    )
    assert (done.width, running.width, pending.width) == (75, 25, 0)
    assert (running.words, done.words) == ("running", "300 ms")


def test_a_bar_without_phases_is_empty():
    assert segments([]) == []


def test_a_larger_sheet_is_thicker_within_bounds():
    sizes = [0, 2**20, 2**30, 2**45]
    heights = [thickness(size) for size in sizes]
    assert heights == sorted(heights)
    assert heights[0] >= 2 and heights[-1] == 16


def test_the_lowest_sheet_is_drawn_first():
    drawing = stack([{"name": "clone", "actual": 1}, {"name": "base", "actual": 2}])
    assert [sheet["name"] for sheet in drawing["drawn"]] == ["base", "clone"]


def test_a_phase_that_took_no_time_takes_no_room():
    identity, ready = segments([{"name": "identity", "ms": 14}, {"name": "ready", "ms": 0.0}])
    assert (identity.width, ready.width, ready.words) == (100, 0, "0 ms")


def test_a_clone_of_a_template_stands_on_its_layer():
    revision = SimpleNamespace(file_size=900, virtual_size=1000)
    template = SimpleNamespace(pk=7, disk_bytes=50)
    clone = SimpleNamespace(name="web", disk_bytes=1, layers=[], grounds=template, revision=revision)
    assert [sheet["kind"] for sheet in sheets_of(clone)] == ["clone", "template", "base"]
