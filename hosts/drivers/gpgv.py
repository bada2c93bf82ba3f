"""Signatures of publishers, by way of gpgv: a good one by a key of the keyring, or an error.

Example::

    signed = signature_read(text, keyring=keys, signature=detached)
    print(signed.by, signed.fingerprint)      # whose key it was; `signed.text` is what it covers
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hosts.drivers.errors import DriverError, Refused
from hosts.drivers.process import run

CHECK_S = 20.0
MOST_BYTES = 4 << 20
STATUS = re.compile(r"^\[GNUPG:\] (\w+) ?(.*)$", re.MULTILINE)
# Said of a signature that is whole and yet no proof
WORTHLESS = {
    "BADSIG": "it is not a signature of this text",
    "EXPSIG": "it has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key was revoked",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """`text` is exactly what the signature covers."""

    text: bytes
    fingerprint: str
    by: str


def signature_read(text: bytes, *, keyring: Path, signature: bytes | None = None) -> Signed:
    """Checks a detached signature, or without one a text that is signed in place."""
    with tempfile.TemporaryDirectory(prefix="cowweb-signed-") as name:
        folder = Path(name)
        (folder / "text").write_bytes(text)
        argv = ["gpgv", "--status-fd", "2", "--homedir", name, "--keyring", str(keyring.resolve())]
        if signature is None:
            said = asked([*argv, "--output", str(folder / "covered"), str(folder / "text")])
            covered = folder / "covered"
            return proof(said, covered.read_bytes() if covered.exists() else b"")
        (folder / "signature").write_bytes(signature)
        return proof(asked([*argv, str(folder / "signature"), str(folder / "text")]), text)


def asked(argv: list[str]) -> str:
    """What gpgv says of it; its status alone does not tell one signature from the other."""
    try:
        return run(argv, timeout_s=CHECK_S, most_output=MOST_BYTES).stderr.decode(errors="replace")
    except DriverError as error:
        if error.exit_code is None or error.exit_code < 0:
            raise
        return error.stderr


def proof(said: str, text: bytes) -> Signed:
    found = [(match[1], match[2].split(" ")) for match in STATUS.finditer(said)]
    known = dict(found)
    for word, why in WORTHLESS.items():
        if word in known:
            raise Refused(f"the signature does not hold: {why}")
    if "GOODSIG" not in known or "VALIDSIG" not in known:
        missing = next((words[0] for word, words in found if word == "NO_PUBKEY"), "")
        raise Refused(f"no signature by a known key{f', only by {missing}' if missing else ''}")
    return Signed(text, known["VALIDSIG"][-1] or known["VALIDSIG"][0], " ".join(known["GOODSIG"][1:]))
