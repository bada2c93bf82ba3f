"""The arguments of one lean QEMU machine.

QEMU runs in the machine's folder, so what lies there is named without its path. Everything that could
carry a user's text goes in as JSON or as an argument of its own; secrets are in files, never here.

Example::

    argv = machine_argv(spec, accelerator="tcg", sockets={"qmp.sock": 5, "qga.sock": 6, "agent.sock": 7})
"""

import json
from collections.abc import Mapping
from typing import Literal

from hosts.drivers.firmware import uefi
from hosts.drivers.records import Boot, BootKind, MachineSpec, SeedKind
from hosts.drivers.seed import FIRMWARE_FILES, VOLUME

PROGRAM = "qemu-system-x86_64"
SERIAL = "serial.log"
FIRMWARE_VARIABLES = "uefi-vars.fd"
MONITOR = "qmp.sock"
QGA, AGENT = "qga.sock", "agent.sock"
GUEST_PORTS = {QGA: "org.qemu.guest_agent.0", AGENT: "org.cowweb.agent.0"}
CHANNELS = {QGA: "channel0", AGENT: "channel1"}
SOCKETS = (MONITOR, *GUEST_PORTS)
DISK = "disk"  # the node that snapshots are taken of
NETWORK = "net0"
HOLD = "hold"
HOLD_US = 3_600_000_000  # never: whoever holds a machine lets it out or ends it long before
RAM = "pc.ram"  # named as ordinary RAM is, so that a saved machine may come back with that
MACHINE = "q35,sata=off,smbus=off,usb=off,vmport=off,hpet=off"
CPU = {"tcg": "max", "kvm": "host"}
# What QEMU has translated may take a GiB in each machine if nothing bounds it. Within 64 MiB a Debian of
# 512 MiB boots in the same processor time (19.9 s and 19.2 s) and holds 262 MB, not 514 MB (QEMU 7.2).
ACCELERATOR = {"tcg": "tcg,tb-size=64", "kvm": "kvm"}
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# What these leave in qemu.log tells why the machine ended.
SHUTDOWN_TRACE = "qemu_system_shutdown_request"
STATE_TRACE = "runstate_set"


def machine_argv(
    spec: MachineSpec,
    *,
    accelerator: Literal["kvm", "tcg"],
    sockets: Mapping[str, int],
    cut_off: bool = False,
) -> list[str]:
    """`sockets` are the descriptors of the listening sockets, by their names in the folder. Cut off, the
    guest reaches nothing at all, whatever the host's rules; its forwards go on working.

    A machine that goes on from saved state needs no kernel: what it would read at boot is in its memory.
    When its guest resets, it ends, to be started again as one that boots.
    """
    goes_on = spec.memory is not None and spec.memory.state is not None
    return [
        PROGRAM,
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-sandbox", SANDBOX),
        *("-uuid", str(spec.uuid)),
        *(
            "-machine",
            MACHINE + _firmware_nodes(spec.boot) + (f",memory-backend={RAM}" if _memory(spec) else ""),
        ),
        *("-accel", ACCELERATOR[accelerator]),
        *("-cpu", CPU[accelerator]),
        *("-smp", str(spec.cpus)),
        *("-m", f"{spec.memory_mb}M"),
        *("-trace", f"enable={SHUTDOWN_TRACE}", "-trace", f"enable={STATE_TRACE}"),
        *_monitor(sockets[MONITOR]),
        *_memory(spec),
        *([] if goes_on and spec.boot.kind is BootKind.KERNEL else _boot(spec.boot)),
        *(("-incoming", "defer", "-no-reboot") if goes_on else ()),
        *(("-S",) if spec.memory and spec.memory.paused else ()),
        *_disk(spec),
        *_network(spec, cut_off=cut_off),
        *_held(spec),
        *_option("-device", driver="virtio-rng-pci"),
        *_option("-device", driver="vmgenid", guid="auto"),
        *_console(),
        *_guest_ports(sockets),
        *_seed(spec.seed),
    ]


def mac_address(spec: MachineSpec) -> str:
    """The same for a machine's whole life; in the range that QEMU uses."""
    return "52:54:00:" + spec.uuid.bytes[-3:].hex(":")


def _option(flag: str, /, **properties: object) -> list[str]:
    named = {key.replace("_", "-"): value for key, value in properties.items()}
    return [flag, json.dumps(named)]


def _monitor(descriptor: int) -> list[str]:
    return [*_server("monitor", descriptor), "-mon", "chardev=monitor,mode=control"]


def _server(name: str, descriptor: int) -> list[str]:
    return ["-chardev", f"socket,id={name},fd={descriptor},server=on,wait=off"]


def _boot(boot: Boot) -> list[str]:
    if boot.kind is BootKind.UEFI:
        return _firmware()
    if boot.kind is BootKind.BIOS:
        return []
    initrd = ["-initrd", str(boot.initrd)] if boot.initrd else []
    return ["-kernel", str(boot.kernel), *initrd, "-append", boot.cmdline]


def _memory(spec: MachineSpec) -> list[str]:
    if spec.memory is None or spec.memory.file is None:
        return []
    kept = {"mem_path": str(spec.memory.file), "size": spec.memory_mb << 20, "share": spec.memory.shared}
    named = {"x-use-canonical-path-for-ramblock-id": False}
    return _option("-object", qom_type="memory-backend-file", id=RAM, **kept, **named)


def _firmware_nodes(boot: Boot) -> str:
    return ",pflash0=firmware,pflash1=variables" if boot.kind is BootKind.UEFI else ""


def _firmware() -> list[str]:
    code = {"driver": "file", "filename": str(uefi().code)}
    variables = {"driver": "file", "filename": FIRMWARE_VARIABLES}
    return [
        *_option("-blockdev", driver="raw", node_name="firmware", read_only=True, file=code),
        *_option("-blockdev", driver="raw", node_name="variables", file=variables),
    ]


def _disk(spec: MachineSpec) -> list[str]:
    file = {"driver": "file", "filename": str(spec.disk)}
    first = {} if spec.boot.kind is BootKind.KERNEL else {"bootindex": 0}  # a passed kernel is first itself
    return [
        *_option("-blockdev", driver="qcow2", node_name=DISK, file=file, discard="unmap"),
        # a full host pauses the guest; it goes on when there is room again
        *_option("-device", driver="virtio-blk-pci", drive=DISK, werror="enospc", **first),
    ]


def _network(spec: MachineSpec, *, cut_off: bool) -> list[str]:
    guest_ports = dict.fromkeys((22, *spec.ports))
    forwards = [{"str": f"tcp:127.0.0.1:0-:{port}"} for port in guest_ports]
    return [
        *_option("-netdev", type="user", id=NETWORK, restrict=cut_off, hostfwd=forwards),
        *_option("-device", driver="virtio-net-pci", netdev=NETWORK, mac=mac_address(spec), romfile=""),
    ]


def _held(spec: MachineSpec) -> list[str]:
    """Keeps packets back, both ways, without the guest's noticing that its link is anything but slow."""
    if spec.memory is None or not spec.memory.held:
        return []
    return _option("-object", qom_type="filter-buffer", id=HOLD, netdev=NETWORK, interval=HOLD_US)


def _console() -> list[str]:
    return [
        *("-chardev", f"file,id=console,path={SERIAL},append=on"),
        *_option("-device", driver="isa-serial", chardev="console"),
    ]


def _guest_ports(sockets: Mapping[str, int]) -> list[str]:
    arguments = _option("-device", driver="virtio-serial-pci")
    for socket, port in GUEST_PORTS.items():
        arguments += _server(CHANNELS[socket], sockets[socket])
        arguments += _option("-device", driver="virtserialport", chardev=CHANNELS[socket], name=port)
    return arguments


def _seed(kind: SeedKind) -> list[str]:
    if kind is SeedKind.FW_CFG:
        items = FIRMWARE_FILES.items()
        return [part for item, file in items for part in ("-fw_cfg", f"name={item},file={file}")]
    file = {"driver": "file", "filename": VOLUME}
    return [
        *_option("-blockdev", driver="raw", node_name="seed", read_only=True, file=file),
        *_option("-device", driver="virtio-blk-pci", drive="seed"),
    ]
