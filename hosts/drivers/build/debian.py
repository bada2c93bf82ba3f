"""The Debian guest: a real, small Debian with systemd, OpenSSH and QEMU's guest agent.

Its GPT disk starts by BIOS and by UEFI, each with a GRUB put there without root or loop devices.
"""

import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

from hosts.drivers.build import disk
from hosts.drivers.build.apt import host_fetch_settings, source_line
from hosts.drivers.build.files import GUEST_FILES
from hosts.drivers.build.guest import BuiltGuest
from hosts.drivers.build.sources import Sources
from hosts.drivers.errors import NotFound
from hosts.drivers.process import run
from hosts.drivers.records import BootKind, SeedKind

BOOTSTRAP_S = 1200.0
OWN_FILES = GUEST_FILES / "debian"
PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "udev", "dbus", "kmod"),
    *("openssh-server", "qemu-guest-agent", "ca-certificates", "iproute2", "less", "procps"),
)
REXX_PACKAGE = "regina-rexx"
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
GRUB = Path("/usr/lib/grub")
GRUB_MODULES = "part_gpt ext2 search search_label configfile linux normal echo test serial".split()  # noqa: SIM905
BIOS_START, ESP_START, ROOT_START = 2048, 4096, 69632  # sectors
ESP_MB, ROOT_MB = 32, 4096
ROOT = disk.Ext4(label="cowweb-root", uuid="7c0b3f5e-2d41-4c8a-9e66-5a1d0c5f7a02", size_mb=ROOT_MB)
TABLE = (
    "label: gpt",
    "label-id: 7C0B3F5E-2D41-4C8A-9E66-5A1D0C5F7B00",
    f"start={BIOS_START},size=2048,type=21686148-6449-6E6F-744E-656564454649,"
    "uuid=7C0B3F5E-2D41-4C8A-9E66-5A1D0C5F7B01",
    f"start={ESP_START},size={ESP_MB}M,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B,"
    "uuid=7C0B3F5E-2D41-4C8A-9E66-5A1D0C5F7B02",
    f"start={ROOT_START},size={ROOT_MB}M,type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709,"
    "uuid=7C0B3F5E-2D41-4C8A-9E66-5A1D0C5F7B03",
)
EARLY_CONFIG = """search --no-floppy --label cowweb-root --set=root
set prefix=($root)/boot/grub
configfile ($root)/boot/grub/grub.cfg
"""


def build_debian(
    finished: Path, work: Path, sources: Sources, *, with_rexx: bool, progress: Callable[[str], None]
) -> BuiltGuest:
    """Writes the guest's files to `finished`; `work` is scratch space."""
    progress(f"installing Debian {sources.number} into a folder")
    archive = bootstrap(work, sources, with_rexx=with_rexx)
    progress("unpacking it")
    owners = work / "owners"
    tree = work / "root"
    tree.mkdir()
    unpack = ["tar", "-C", str(tree), "-xpf", str(archive), "--exclude=./dev/*"]
    run(["fakeroot", "-s", str(owners), "--", *unpack], timeout_s=300)
    archive.unlink()
    progress("writing the disk")
    raw = boot_disk(work, tree, owners)
    progress("packing the disk")
    disk.qcow2(raw, finished / "disk.qcow2", compressed=True)
    return BuiltGuest(
        kind="debian",
        disk=finished / "disk.qcow2",
        kernel=None,
        initrd=None,
        cmdline="",
        boot_kind=BootKind.BIOS,
        ssh_user="root",
        os=f"Debian {sources.number}",
        description=f"Debian with systemd and OpenSSH{', Regina REXX' if with_rexx else ''}",
        rexx_installed=with_rexx,
        memory_mb=512,
        cpus=1,
        seed=SeedKind.FW_CFG,
    )


def bootstrap(work: Path, sources: Sources, *, with_rexx: bool) -> Path:
    """The guest's files as a tar archive that keeps their owners."""
    archive = work / "root.tar"
    packages = [*PACKAGES, REXX_PACKAGE] if with_rexx else list(PACKAGES)
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", f"--include={','.join(packages)}"]
    argv += [f"--aptopt={setting}" for setting in host_fetch_settings()]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    own = work / "own.tar"
    own_files(own)
    argv += [f"--essential-hook=tar-in {own} /"]
    # As text: without root it runs as another user, who may not be able to reach our file.
    argv += [f"--customize-hook={(OWN_FILES / 'finish').read_text(encoding='utf-8')}"]
    lines = [source_line(source, work) for source in sources.entries]
    run([*argv, sources.codename, str(archive), *lines], timeout_s=BOOTSTRAP_S, env=disk.PINNED)
    return archive


def own_files(archive: Path) -> None:
    """Our own files as a tar archive, all of them root's."""
    with tarfile.open(archive, "w") as tar:
        for path in sorted(path for path in (OWN_FILES / "root").rglob("*") if path.is_file()):
            entry = tar.gettarinfo(path, str(path.relative_to(OWN_FILES / "root")))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = disk.EPOCH
            entry.mode = 0o755 if path.read_bytes().startswith(b"#!") else 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)


def boot_disk(work: Path, tree: Path, owners: Path) -> Path:
    root = work / "root.img"
    disk.ext4_image(root, tree, ROOT, owners=owners)
    early = work / "early.cfg"
    early.write_text(EARLY_CONFIG, encoding="ascii")
    core, efi = work / "core.img", work / "BOOTX64.EFI"
    grub_image("i386-pc", core, early, ["biosdisk"])
    grub_image("x86_64-efi", efi, early, ["fat", "efi_gop", "all_video"])
    esp = work / "esp.img"
    disk.fat_image(esp, {"EFI/BOOT/BOOTX64.EFI": efi}, label="ESP", size_mb=ESP_MB)
    raw = work / "disk.raw"
    disk.partitioned(raw, TABLE, ROOT_START // 2048 + ROOT_MB + 1)
    boot, rest = bios_grub((GRUB / "i386-pc/boot.img").read_bytes(), core.read_bytes())
    disk.write_bytes(raw, 0, boot)
    disk.write_bytes(raw, BIOS_START * disk.SECTOR, rest)
    disk.write_at(raw, ESP_START * disk.SECTOR, esp)
    disk.write_at(raw, ROOT_START * disk.SECTOR, root)
    return raw


def grub_image(platform: str, image: Path, early: Path, modules: list[str]) -> None:
    if not (GRUB / platform).is_dir():
        package = {"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin"}[platform]
        raise NotFound(f"GRUB's {platform} files are missing: install {package}")
    argv = ["grub-mkimage", "-O", platform, "-p", "/boot/grub", "-c", str(early), "-o", str(image)]
    run([*argv, *modules, *GRUB_MODULES], timeout_s=60, env=disk.PINNED)


def bios_grub(boot: bytes, core: bytes) -> tuple[bytes, bytes]:
    """GRUB's first sector (its 440 bytes of code) and the rest, told where on the disk they lie.

    What grub-bios-setup would do to a real disk: the sector of the rest, no check of the drive number,
    and the list of blocks at the end of the rest's own first sector.
    """
    sectors = -(-len(core) // disk.SECTOR)
    first, rest = bytearray(boot), bytearray(core)
    struct.pack_into("<Q", first, 0x5C, BIOS_START)
    first[0x66:0x68] = b"\x90\x90"
    struct.pack_into("<QHH", rest, disk.SECTOR - 12, BIOS_START + 1, sectors - 1, 0x820)
    return bytes(first[:440]), bytes(rest)
