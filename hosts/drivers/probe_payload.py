"""The smallest real workload: an initramfs whose only program says, through a debug port, that it ran.

The program is 64-bit machine code in a hand-made ELF file: it asks for the right to use I/O ports and
writes to QEMU's `isa-debug-exit` device, which ends QEMU with a status of its own.
"""

import struct

DEBUG_PORT = 0xF4
SIGNAL = 0x10
EXIT_STATUS = SIGNAL << 1 | 1  # how isa-debug-exit turns what was written into a status

LOAD_ADDRESS = 0x400000
ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
CODE_AT = ELF_HEADER.size + SEGMENT.size

CODE = bytes.fromhex(
    "b8 ac 00 00 00"  # mov eax, 172 (iopl)
    "bf 03 00 00 00"  # mov edi, 3
    "0f 05"  # syscall
    f"66 ba {DEBUG_PORT:02x} 00"  # mov dx, port
    f"b0 {SIGNAL:02x}"  # mov al, signal
    "ee"  # out dx, al
    "f3 90 eb fc"  # again: pause; jmp again
)


def program_file() -> bytes:
    """The program as a static ELF executable."""
    size = CODE_AT + len(CODE)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little endian, version 1
    executable, x86_64, entry = 2, 62, LOAD_ADDRESS + CODE_AT
    header = ELF_HEADER.pack(
        ident, executable, x86_64, 1, entry, ELF_HEADER.size, 0, 0, ELF_HEADER.size, SEGMENT.size, 1, 64, 0, 0
    )
    load, read_execute = 1, 5
    segment = SEGMENT.pack(load, read_execute, 0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 0x1000)
    return header + segment + CODE


def initramfs() -> bytes:
    """A cpio archive (newc) with the program as `/init`."""
    return _member("init", 0o100755, program_file()) + _member("TRAILER!!!", 0, b"")


def _member(name: str, mode: int, content: bytes) -> bytes:
    raw_name = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw_name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + raw_name) + _padded(content)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
