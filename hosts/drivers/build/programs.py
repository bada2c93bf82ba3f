"""The programs a build needs on this host, and the Debian packages that bring them."""

from collections.abc import Mapping
from types import MappingProxyType

from hosts.drivers.build.guest import GuestKind
from hosts.drivers.errors import NotFound
from hosts.drivers.process import program

PACKAGE_OF = MappingProxyType(
    {
        "apt-cache": "apt",
        "apt-config": "apt",
        "apt-get": "apt",
        "debugfs": "e2fsprogs",
        "dpkg-deb": "dpkg",
        "dumpe2fs": "e2fsprogs",
        "fakeroot": "fakeroot",
        "grub-mkimage": "grub-common",
        "lz4": "lz4",
        "mcopy": "mtools",
        "mkfs.ext4": "e2fsprogs",
        "mkfs.vfat": "dosfstools",
        "mmd": "mtools",
        "mmdebstrap": "mmdebstrap",
        "qemu-img": "qemu-utils",
        "setpriv": "util-linux",
        "sfdisk": "fdisk",
        "syslinux": "syslinux",
        "tar": "tar",
    }
)
DISK_PROGRAMS = (
    "debugfs dumpe2fs fakeroot mcopy mkfs.ext4 mkfs.vfat qemu-img setpriv sfdisk".split()  # noqa: SIM905
)
PROGRAMS: Mapping[GuestKind, tuple[str, ...]] = MappingProxyType(
    {
        "tiny": (*DISK_PROGRAMS, "apt-cache", "apt-config", "apt-get", "dpkg-deb", "lz4", "syslinux"),
        "debian": (*DISK_PROGRAMS, "apt-config", "grub-mkimage", "mmd", "mmdebstrap", "tar"),
    }
)
DATA_PACKAGES: Mapping[GuestKind, tuple[str, ...]] = MappingProxyType(
    {"tiny": ("syslinux-common",), "debian": ("grub-pc-bin", "grub-efi-amd64-bin", "uidmap")}
)
HOST_PACKAGES: Mapping[GuestKind, tuple[str, ...]] = MappingProxyType(
    {
        kind: tuple(sorted({PACKAGE_OF[name] for name in PROGRAMS[kind]} | set(DATA_PACKAGES[kind])))
        for kind in PROGRAMS
    }
)


def missing_programs(kind: GuestKind) -> tuple[str, ...]:
    """The programs this host lacks for building `kind`."""
    return tuple(name for name in PROGRAMS[kind] if not _present(name))


def require_programs(kind: GuestKind) -> None:
    """Raises NotFound naming everything that is missing, and what to install."""
    missing = missing_programs(kind)
    if missing:
        packages = " ".join(sorted({PACKAGE_OF[name] for name in missing}))
        raise NotFound(
            f"building the {kind} guest needs {', '.join(missing)}, not installed on this host; "
            f"install the packages: {packages}"
        )


def _present(name: str) -> bool:
    try:
        program(name)
    except NotFound:
        return False
    return True
