"""Fetching Debian packages with apt, as any user and without touching the host's own apt.

Everything lives in one folder: lists, cache, downloaded packages and a configuration that takes from
the host only how to fetch (proxies and the like), never its hooks.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hosts.drivers.build.locking import locked
from hosts.drivers.build.sources import AptSource, Sources
from hosts.drivers.errors import DriverError, NotFound
from hosts.drivers.process import run

UPDATE_S = 180.0
FETCH_S = 600.0
# Index targets other than packages (desktop metadata, translations) cost time and are never read.
FETCH_SETTING = re.compile(r"Acquire::(?!IndexTargets|Languages|GzipIndexes|CompressionTypes).+;")


class Apt:
    """A private apt. Its folder may be shared between processes."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self.folder = folder
        self.sources = sources

    def update(self) -> None:
        """Fetches the package lists."""
        with locked(self.folder / "lock"):
            self._configure()
            self._run("apt-get", "update", "-qq", "--error-on=any", timeout_s=UPDATE_S)

    def closure(self, names: Sequence[str]) -> tuple[str, ...]:
        """The packages and all they depend on, as apt would install them on an empty system."""
        words = self._run(
            "apt-get", "install", "-qq", "--yes", "--no-install-recommends", "--print-uris", *names
        )
        files = [line.split("' ")[1] for line in words.splitlines() if "' " in line]
        return tuple(sorted({file.split("_")[0] for file in files}))

    def libraries(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the packages that hold shared libraries."""
        shown = self._show(names)
        return tuple(fields["Package"] for fields in shown if fields["Section"].split("/")[-1] == "libs")

    def dependencies(self, name: str) -> tuple[str, ...]:
        """What the package itself asks for, by name."""
        fields = next(self._show([name]))
        return tuple(re.split(r"[\s(:|]", part.strip())[0] for part in fields.get("Depends", "").split(","))

    def fetch(self, names: Sequence[str]) -> tuple[Path, ...]:
        """Downloads what is not there yet, checked against the signed lists; the files, by package name."""
        folder = self.folder / "packages"
        with locked(self.folder / "lock"):
            folder.mkdir(exist_ok=True)
            self._run("apt-get", "download", "-qq", *names, timeout_s=FETCH_S, cwd=folder)
        return tuple(folder / self._file_name(fields) for fields in self._show(names))

    def _file_name(self, fields: dict[str, str]) -> str:
        version = fields["Version"].replace(":", "%3a")
        return f"{fields['Package']}_{version}_{fields['Architecture']}.deb"

    def _show(self, names: Sequence[str]) -> Iterator[dict[str, str]]:
        words = self._run("apt-cache", "show", "--no-all-versions", *names)
        for paragraph in words.strip().split("\n\n"):
            yield dict(re.findall(r"^([\w-]+): (.*)$", paragraph, flags=re.MULTILINE))

    def _run(self, *argv: str, timeout_s: float = 60.0, cwd: Path | None = None) -> str:
        environment = {"APT_CONFIG": str(self.folder / "apt.conf")}
        try:
            return run(argv, timeout_s=timeout_s, env=environment, cwd=cwd).stdout.decode(errors="replace")
        except NotFound:
            raise
        except DriverError as error:
            errors = [line[3:] for line in error.stderr.splitlines() if line.startswith("E: ")]
            if errors:
                error.args = (f"Debian packages cannot be had: {errors[0]}",)
            raise

    def _configure(self) -> None:
        for name in ("lists/partial", "archives/partial", "empty"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        lines = [source_line(source, self.folder) for source in self.sources.entries]
        (self.folder / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.folder / "apt.conf").write_text(self._configuration(), encoding="utf-8")

    def _configuration(self) -> str:
        folder = self.folder
        settings = {
            "Dir::State": folder,
            "Dir::State::status": folder / "status",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder,
            "Dir::Cache::archives": folder / "archives",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": folder / "empty",
            "Dir::Etc::parts": folder / "empty",
            "Dir::Etc::main": folder / "none.conf",
            "Dir::Etc::preferences": folder / "none.conf",
            "Dir::Etc::preferencesparts": folder / "empty",
            "APT::Architecture": "amd64",
            # The download sandbox's own user cannot enter a folder below somebody's home.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        own = [f'{key} "{value}";' for key, value in settings.items()]
        return "\n".join([*host_fetch_settings(), *own, "#clear APT::Architectures;"]) + "\n"


def host_fetch_settings() -> tuple[str, ...]:
    """How this host fetches packages: proxies, retries, clock tolerance."""
    dump = run(["apt-config", "dump"], timeout_s=20).stdout.decode(errors="replace")
    return tuple(line for line in dump.splitlines() if FETCH_SETTING.fullmatch(line))


def source_line(source: AptSource, folder: Path) -> str:
    """The entry in apt's one-line form; an inline key is written to a file in `folder`."""
    if "-----BEGIN" not in source.signed_by:
        return source.line(source.signed_by)
    keyring = folder / f"{source.suite}.asc"
    keyring.write_text(source.signed_by + "\n", encoding="utf-8")
    return source.line(str(keyring))
