"""Brings what the browser loads into static/vendor/; does nothing when nothing changed.

Installs with `npm ci` when package-lock.json differs from what is installed, then copies only the files
named here. Needs Node's npm once; a checkout whose static/vendor/ is complete needs neither.
"""

import hashlib
import shutil
import subprocess  # noqa: TID251  a build step, not the product
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / ".stamp"
NPM_TIMEOUT_S = 600

FILES = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "ws.min.js": "htmx-ext-ws/dist/ws.min.js",
    "xterm.css": "@xterm/xterm/css/xterm.css",
    "xterm.mjs": "@xterm/xterm/lib/xterm.mjs",
    "addon-fit.mjs": "@xterm/addon-fit/lib/addon-fit.mjs",
    "idiomorph.min.js": "idiomorph/dist/idiomorph.min.js",
}
ICON_NAMES = """
activity adjustments alert-circle alert-triangle archive arrow-back-up arrow-bar-to-down arrow-down
arrow-left arrow-right arrow-up arrows-left-right bolt box brand-debian camera chart-bar check chevron-down
chevron-left chevron-right circle-check circle-dashed circle-minus circle-x clock clock-exclamation
clock-hour-4 clock-pause copy cpu database device-desktop dots dots-vertical download external-link eye
file-code file-diff file-upload filter flame folder gauge git-fork hand-stop heart-rate-monitor help-circle
history hourglass info-circle key layout-dashboard link list-numbers loader-2 lock logout menu-2 moon
network pencil player-pause player-play player-stop plug plug-connected-x plus refresh rotate-clockwise
search server server-2 settings shield-check shield-x snowflake stack-2 stack-3 stack-push sun tag
terminal-2 text-wrap trash user users wifi-off world x
"""


def say(words: str) -> None:
    sys.stdout.write(f"assets: {words}\n")


def wanted() -> dict[Path, Path]:
    """Every file of static/vendor/, with where it comes from."""
    files = {VENDOR / name: MODULES / source for name, source in FILES.items()}
    icons = MODULES / "@tabler/icons/icons/outline"
    return files | {VENDOR / "icons" / f"{name}.svg": icons / f"{name}.svg" for name in ICON_NAMES.split()}


def fingerprint() -> str:
    """What static/vendor/ depends on: the locked versions and this list."""
    digest = hashlib.sha256((ROOT / "package-lock.json").read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    return (
        STAMP.is_file()
        and STAMP.read_text() == fingerprint()
        and all(target.is_file() for target in wanted())
    )


def is_installed() -> bool:
    """Whether node_modules came from this very lock file."""
    mark = MODULES / ".cowweb-lock"
    return mark.is_file() and mark.read_bytes() == (ROOT / "package-lock.json").read_bytes()


def install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("assets: npm was not found. Install Node.js 18 or newer, then run this again.")
    say("installing the locked packages with npm ci …")
    argv = [npm, "ci", "--omit=optional", "--ignore-scripts", "--no-fund", "--no-audit"]
    done = subprocess.run(  # noqa: S603  a fixed command
        argv, cwd=ROOT, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=False
    )
    if done.returncode:
        sys.exit(f"assets: npm ci failed ({done.returncode}):\n{done.stderr.strip() or done.stdout.strip()}")
    shutil.copyfile(ROOT / "package-lock.json", MODULES / ".cowweb-lock")


def copy_all() -> int:
    """Renews static/vendor/ from node_modules; files no longer wanted go."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    for target, source in wanted().items():
        if not source.is_file():
            sys.exit(f"assets: no {source.relative_to(MODULES)} in the packages; scripts/assets.py names it.")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    STAMP.write_text(fingerprint())
    return len(wanted())


def main() -> None:
    if is_current():
        say("up to date")
        return
    if not is_installed():
        install()
    say(f"{copy_all()} files copied to static/vendor/")


if __name__ == "__main__":
    main()
