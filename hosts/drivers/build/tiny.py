"""The tiny guest: Debian's cloud kernel with busybox, dropbear, QEMU's guest agent and, if wanted, REXX.

It is started by its kernel from outside (quickest), and its disk also starts by BIOS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.build import disk
from hosts.drivers.build.apt import Apt
from hosts.drivers.build.cpio import newc_archive
from hosts.drivers.build.files import GUEST_FILES, Tree, Unpacked
from hosts.drivers.build.guest import BuiltGuest
from hosts.drivers.build.kernel import Modules, unpacked_kernel
from hosts.drivers.errors import NotFound
from hosts.drivers.process import run
from hosts.drivers.records import BootKind, SeedKind

KERNEL = "linux-image-cloud-amd64"
PACKAGES = ("dropbear-bin", "qemu-guest-agent")
BUSYBOX = "busybox-static"  # a process of it starts four times as fast as one of the dynamic form
SFTP_PACKAGE = "openssh-sftp-server"  # needs the C library only, its package asks for much more
REXX_PACKAGE = "regina-rexx"
EARLY_MODULES = ("virtio_pci", "virtio_blk")
MODULES = (*EARLY_MODULES, "virtio_net", "virtio_console", "virtio_rng", "qemu_fw_cfg", "evdev", "button")
OWN_FILES = GUEST_FILES / "tiny"
SBIN = frozenset(
    ("acpid", "halt", "ifconfig", "init", "insmod", "ip", "lsmod", "modprobe", "poweroff", "reboot", "route")
)
BOOT_MB, ROOT_MB = 32, 1024
ROOT = disk.Ext4(label="cowweb-root", uuid="7c0b3f5e-2d41-4c8a-9e66-5a1d0c5f7a01", size_mb=ROOT_MB)
DISK_ID = "0x434f5757"
SYSLINUX_MBR = (Path("/usr/lib/syslinux/mbr/mbr.bin"), Path("/usr/lib/SYSLINUX/mbr.bin"))
# No self-tests of ciphers, no mitigations against other tenants of a guest that has one tenant, and no
# timer check: on a busy host without acceleration it takes a late tick for a broken timer.
CMDLINE = "root=/dev/vda2 console=ttyS0 quiet mitigations=off cryptomgr.notests no_timer_check panic=5"
SYSLINUX_CONFIG = f"""DEFAULT tiny
PROMPT 0
TIMEOUT 0
LABEL tiny
 LINUX /vmlinuz
 INITRD /initrd.img
 APPEND {CMDLINE}
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the packages brought."""

    programs: Unpacked
    kernel: Path
    modules: Modules


def build_tiny(
    finished: Path, work: Path, apt: Apt, *, with_rexx: bool, progress: Callable[[str], None]
) -> BuiltGuest:
    """Writes the guest's files to `finished`; `work` is scratch space."""
    parts = fetch_parts(apt, work, with_rexx=with_rexx, progress=progress)
    progress("assembling the tiny guest")
    image = parts.kernel.read_bytes()
    early = finished / "initrd.img"
    early.write_bytes(early_archive(parts, work / "early"))
    tree = work / "root"
    root_tree(parts, tree, with_rexx=with_rexx)
    progress("writing the disk")
    raw = boot_disk(work, tree, parts.kernel, early)
    disk.qcow2(raw, finished / "disk.qcow2", compressed=False)
    kernel = finished / "vmlinux"
    kernel.write_bytes(unpacked_kernel(image) or image)
    return BuiltGuest(
        kind="tiny",
        disk=finished / "disk.qcow2",
        kernel=kernel,
        initrd=early,
        cmdline=CMDLINE,
        boot_kind=BootKind.KERNEL,
        ssh_user="root",
        os=f"Debian {apt.sources.number} (tiny)",
        description=f"Debian's cloud kernel, busybox, dropbear{', Regina REXX' if with_rexx else ''}",
        rexx_installed=with_rexx,
        memory_mb=128,
        cpus=1,
        seed=SeedKind.FW_CFG,
    )


def fetch_parts(apt: Apt, work: Path, *, with_rexx: bool, progress: Callable[[str], None]) -> Parts:
    progress("updating Debian's package lists")
    apt.update()
    kernel = next(name for name in apt.dependencies(KERNEL) if name.startswith("linux-image-"))
    wanted = [*PACKAGES, REXX_PACKAGE] if with_rexx else list(PACKAGES)
    names = sorted({kernel, BUSYBOX, SFTP_PACKAGE, *wanted, *apt.libraries(apt.closure(wanted))})
    progress(f"fetching {len(names)} Debian packages")
    files = apt.fetch(names)
    progress("unpacking them")
    programs = Unpacked(work / "programs", files)
    version = kernel.removeprefix("linux-image-")
    return Parts(
        programs=programs,
        kernel=programs.folder / "boot" / f"vmlinuz-{version}",
        modules=Modules(programs.find(f"lib/modules/{version}")),
    )


def early_archive(parts: Parts, folder: Path) -> bytes:
    """The first file system: just enough to find the disk. Uncompressed, which starts quickest."""
    tree = Tree(folder)
    tree.folders("dev", "proc", "sys", "mnt")
    tree.put(parts.programs.find("bin/busybox"), "usr/bin/busybox", 0o755)
    for name in ("sh", "mount", "modprobe", "findfs", "switch_root", "usleep"):
        tree.link(f"usr/bin/{name}", "busybox")
    parts.modules.install(EARLY_MODULES, folder / "usr/lib/modules" / parts.modules.folder.name)
    tree.put(OWN_FILES / "init", "init", 0o755)
    return newc_archive(folder)


def root_tree(parts: Parts, folder: Path, *, with_rexx: bool) -> None:
    tree = Tree(folder)
    tree.folders("dev", "proc", "sys", "run", "mnt", "home", "etc/cowweb", "var/log", "var/lib")
    tree.folders("tmp", "var/tmp", mode=0o1777)
    tree.folders("root", "root/.ssh", mode=0o700)
    tree.link("var/run", "/run")
    tree.program(parts.programs, "bin/busybox")
    for applet in busybox_applets(folder / "usr/bin/busybox"):
        if applet in SBIN:
            tree.link(f"usr/sbin/{applet}", "../bin/busybox")
        elif applet != "busybox":
            tree.link(f"usr/bin/{applet}", "busybox")
    for name in ("sbin/dropbear", "sbin/qemu-ga", "bin/dropbearkey", "bin/dropbearconvert", "bin/dbclient"):
        tree.program(parts.programs, name)
    tree.program(parts.programs, "lib/openssh/sftp-server", at="usr/lib/sftp-server")
    if with_rexx:
        add_rexx(tree, parts.programs)
    parts.modules.install(MODULES, folder / "usr/lib/modules" / parts.modules.folder.name)
    for path in sorted(path for path in (OWN_FILES / "root").rglob("*") if path.is_file()):
        at = str(path.relative_to(OWN_FILES / "root"))
        script = path.read_bytes().startswith(b"#!")
        tree.put(path, at, 0o755 if script else 0o644)
    tree.text("etc/shadow", "root:*:19000:0:99999:7:::\n", 0o600)


def busybox_applets(busybox: Path) -> list[str]:
    """What this busybox offers, in its own words."""
    return run([str(busybox), "--list"], timeout_s=20).stdout.decode().split()


def add_rexx(tree: Tree, packages: Unpacked) -> None:
    for name in ("bin/regina", "bin/rexx"):
        tree.program(packages, name)
    tree.put(packages.find("share/regina-rexx/en.mtb"), "usr/share/regina-rexx/en.mtb")  # its messages
    # Function packages are loaded by name while a script runs.
    usr = packages.folder / "usr"
    for path in usr.glob("lib/x86_64-linux-gnu/regina-rexx/*/*.so"):
        tree.program(packages, str(path.relative_to(usr)))


def boot_disk(work: Path, tree: Path, kernel: Path, early: Path) -> Path:
    """A disk with a FAT partition that BIOS starts by syslinux, and the root file system."""
    disk.pin_tree_times(tree)
    root = work / "root.img"
    disk.ext4_image(root, tree, ROOT)
    config = work / "syslinux.cfg"
    config.write_text(SYSLINUX_CONFIG, encoding="ascii")
    boot = work / "boot.img"
    files = {"vmlinuz": kernel, "initrd.img": early, "syslinux.cfg": config}
    disk.fat_image(boot, files, label="COWWEB", size_mb=BOOT_MB)
    run(["syslinux", "--install", str(boot)], timeout_s=60, env=disk.PINNED)
    raw = work / "disk.raw"
    root_start = (1 + BOOT_MB) * disk.MIB // disk.SECTOR
    table = ("label: dos", f"label-id: {DISK_ID}", f"2048,{BOOT_MB}M,e,*", f"{root_start},{ROOT_MB}M,83")
    disk.partitioned(raw, table, 1 + BOOT_MB + ROOT_MB)
    disk.write_bytes(raw, 0, boot_sector()[:440])
    disk.write_at(raw, disk.MIB, boot)
    disk.write_at(raw, (1 + BOOT_MB) * disk.MIB, root)
    return raw


def boot_sector() -> bytes:
    for path in SYSLINUX_MBR:
        if path.is_file():
            return path.read_bytes()
    raise NotFound("syslinux's mbr.bin is missing: install syslinux-common")
