"""Putting a guest's file tree together: files out of unpacked packages, and our own."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from hosts.drivers.build.elf import needed_libraries
from hosts.drivers.errors import NotFound
from hosts.drivers.process import run

GUEST_FILES = Path(__file__).parent / "guest_files"
LIBRARY_FOLDERS = ("lib/x86_64-linux-gnu", "lib64", "lib")
LOADER = "ld-linux-x86-64.so.2"


class Unpacked:
    """Packages unpacked over each other, whether they know of the merged /usr or not."""

    def __init__(self, folder: Path, packages: Iterable[Path]) -> None:
        self.folder = folder
        for package in packages:
            run(["dpkg-deb", "-x", str(package), str(folder)], timeout_s=120)

    def find(self, name: str) -> Path:
        """The file or folder that a guest would have at /usr/NAME."""
        for path in (self.folder / "usr" / name, self.folder / name):
            if path.exists():
                return path
        raise NotFound(f"no package brought /usr/{name}")

    def library(self, name: str) -> Path:
        for folder in LIBRARY_FOLDERS:
            for path in (self.folder / "usr" / folder / name, self.folder / folder / name):
                if path.exists():
                    return path
        raise NotFound(f"no package brought the library {name}")


class Tree:
    """A guest's root folder in the making, with a merged /usr. Owners are left to the file system's maker."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu", "usr/lib64"):
            (root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")

    def folders(self, *names: str, mode: int = 0o755) -> None:
        for name in names:
            (self.root / name).mkdir(parents=True, exist_ok=True)
            (self.root / name).chmod(mode)

    def put(self, source: Path, at: str, mode: int = 0o644) -> None:
        target = self.root / at
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode)

    def text(self, at: str, text: str, mode: int = 0o644) -> None:
        target = self.root / at
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def link(self, at: str, to: str) -> None:
        target = self.root / at
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(to)

    def program(self, packages: Unpacked, name: str, at: str = "") -> None:
        """A program from /usr/NAME and every library it needs."""
        source = packages.find(name)
        self.put(source, at or f"usr/{name}", 0o755)
        self.libraries(packages, needed_libraries(source))

    def libraries(self, packages: Unpacked, names: Iterable[str]) -> None:
        for name in names:
            at = f"usr/lib64/{name}" if name == LOADER else f"usr/lib/x86_64-linux-gnu/{name}"
            if not (self.root / at).exists():
                source = packages.library(name)
                self.put(source, at, 0o755)
                self.libraries(packages, needed_libraries(source))
