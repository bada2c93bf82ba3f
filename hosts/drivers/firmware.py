"""Where this host keeps its UEFI firmware."""

from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.errors import NotFound

KNOWN = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
)


@dataclass(frozen=True, slots=True)
class Firmware:
    code: Path
    variables: Path  # the empty ones that every machine gets a copy of


def uefi() -> Firmware:
    for code, variables in KNOWN:
        if Path(code).is_file() and Path(variables).is_file():
            return Firmware(Path(code), Path(variables))
    raise NotFound("this host has no UEFI firmware (OVMF)")
