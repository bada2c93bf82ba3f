"""Which shared libraries a program asks for, read from the file itself."""

import struct
from collections.abc import Iterator
from pathlib import Path

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5


def needed_libraries(path: Path) -> tuple[str, ...]:
    """The names a 64-bit ELF file lists as needed; none for anything else (a script, a static program)."""
    data = path.read_bytes()
    if data[:5] != b"\x7fELF\x02":
        return ()
    segments = list(_segments(data))
    dynamic = next((segment for segment in segments if segment[0] == PT_DYNAMIC), None)
    if dynamic is None:
        return ()
    entries = list(_dynamic_entries(data, dynamic[1]))
    strings = next(value for tag, value in entries if tag == DT_STRTAB)
    base = _file_offset(segments, strings)
    return tuple(_text_at(data, base + value) for tag, value in entries if tag == DT_NEEDED)


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(type, file offset, address, size in the file) of each segment."""
    table, size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, in_file = struct.unpack_from("<IIQQQQ", data, table + number * size)
        yield kind, offset, address, in_file


def _dynamic_entries(data: bytes, offset: int) -> Iterator[tuple[int, int]]:
    for tag, value in struct.iter_unpack("<qQ", data[offset : offset + (len(data) - offset) // 16 * 16]):
        if tag == DT_NULL:
            return
        yield tag, value


def _file_offset(segments: list[tuple[int, int, int, int]], address: int) -> int:
    for kind, offset, start, size in segments:
        if kind == PT_LOAD and start <= address < start + size:
            return offset + address - start
    raise ValueError("the string table is in no loaded segment")


def _text_at(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()
