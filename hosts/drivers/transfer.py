"""The guest's side of copying files: small shell scripts, and what their exit status means here.

A file arrives under a temporary name beside its place and is moved there when it is whole, so nobody in the
guest ever sees half of it. Every name is quoted; none reaches a shell as words.

Example::

    result = guest.run(put_file_script("/etc/motd", "motd", size=12, mode=0o644, token=token), stdin=...)
    check_copied(result, "/etc/motd")
"""

from hosts.drivers.errors import DriverError, NoSpace, NotFound, Refused, Unreachable
from hosts.drivers.process import NO_SPACE
from hosts.drivers.records import ExecResult
from hosts.drivers.run_token import checked, quoted

IS_FOLDER, IS_MISSING, IS_SPECIAL, IS_SHORT, NO_PARENT = 91, 92, 93, 94, 95
WORDS_SHOWN = 500


class IsFolder(Refused):
    """It was taken for a file."""


def put_file_script(remote: str, name: str, *, size: int, mode: int, token: str) -> str:
    """Reads the file from stdin. An existing folder as `remote` means: into it, under `name`."""
    return "\n".join([_file_place(remote, name, token), CLEAN_UP, RECEIVE, finish_file(size, mode)])


def file_place_script(remote: str, name: str, token: str) -> str:
    """Prints the temporary name to write to; `finish_file_script` does the rest."""
    return f'{_file_place(remote, name, token)}\n: >"$t" && chmod 600 "$t" && printf %s "$t"'


def finish_file_script(remote: str, name: str, *, size: int, mode: int, token: str) -> str:
    return "\n".join([_file_place(remote, name, token), CLEAN_UP, finish_file(size, mode)])


def put_folder_script(remote: str, *, token: str, archive: str = "-") -> str:
    """Unpacks a tar archive. An existing folder gets the new files in addition, when all have arrived."""
    return f"""d={_name(remote)}
t=.cowweb-{checked(token)}
if [ -d "$d" ]; then t="${{d%/}}/$t"; else case $d in */*) t="${{d%/*}}/$t" ;; esac; fi
case $d in */*) [ -d "$d" ] || [ -d "${{d%/*}}/" ] || exit {NO_PARENT} ;; esac
{JOIN}
trap 'rm -rf "$t"' EXIT
trap 'exit 1' HUP INT TERM
umask 022
mkdir -m 700 "$t" && tar xf {quoted(archive)} -C "$t" || exit 1
[ -e "$t/{end_mark(token)}" ] || exit {IS_SHORT}
rm "$t/{end_mark(token)}" && chmod 755 "$t" || exit 1
if [ ! -d "$d" ]; then mv "$t" "$d"; exit; fi
fits "$t" "${{d%/}}" || exit 1
trap '' HUP INT TERM
(join "$t" "${{d%/}}")"""


def get_file_script(remote: str) -> str:
    return f'{_kind_check(remote)}\nexec cat "$d"'


def check_file_script(remote: str) -> str:
    """Ends with 0 where `remote` is a file that can be read."""
    return f'{_kind_check(remote)}\n[ -r "$d" ]'


def get_folder_script(remote: str, *, archive: str = "-") -> str:
    return f'd={_name(remote)}\ntar cf {quoted(archive)} -C "$d" .'


def end_mark(token: str) -> str:
    """The last entry of an archive: without it the archive was cut short."""
    return f".cowweb-end-{checked(token)}"


def check_copied(result: ExecResult, remote: str) -> None:
    """Raises what the script's exit status stands for, with the guest's own words."""
    words = result.stderr[-WORDS_SHOWN:].decode(errors="replace").strip()
    match result.exit_code:
        case 0:
            return
        case 91:
            raise IsFolder(f"{remote} is a folder in the guest")
        case 92:
            raise NotFound(f"{remote} is not there in the guest")
        case 93:
            raise Refused(f"{remote} is neither a file nor a folder in the guest")
        case 94:
            raise Unreachable(f"{remote} did not arrive whole in the guest; nothing was changed")
        case 95:
            raise NotFound(f"the folder of {remote} is not there in the guest")
    kind = NoSpace if NO_SPACE in words else DriverError
    last = words.splitlines()[-1] if words else f"status {result.exit_code}"
    raise kind(f"{remote} could not be copied: {last}", exit_code=result.exit_code, stderr=words)


# What has arrived joins what is there by being renamed: that takes no room, and is looked at before, so it
# hardly fails half-way. A folder takes a free place as one, and is gone into where there is one already.
JOIN = r"""
fits() {
  to=$2
  set -- "$1"/* "$1"/.[!.]* "$1"/..?*
  for e; do
    o=$to/${e##*/}
    if [ -d "$e" ] && [ ! -L "$e" ]; then
      if [ -d "$o" ]; then (fits "$e" "$o") || return 1
      elif [ -e "$o" ] || [ -L "$o" ]; then echo "$o is there, and no folder" >&2; return 1; fi
    elif [ -d "$o" ] && [ ! -L "$o" ] && { [ -e "$e" ] || [ -L "$e" ]; }; then
      echo "$o is a folder already" >&2; return 1
    fi
  done
}
join() {
  from=$1 to=$2
  case $to in '' | /*) ;; *) to=$PWD/$to ;; esac
  set -- "$1"/* "$1"/.[!.]* "$1"/..?*
  for e; do
    [ -d "$e" ] && [ ! -L "$e" ] && [ -d "$to/${e##*/}" ] || continue
    (join "$e" "$to/${e##*/}") && rmdir "$e" || return 1
  done
  cd "$from" && find . ! -name . -prune -exec sh -c 'exec mv -f "$@" "$0/"' "$to" {} +
}"""
CLEAN_UP = "trap 'rm -f \"$t\"' EXIT\ntrap 'exit 1' HUP INT TERM\numask 077"
RECEIVE = 'cat >"$t" || exit 1'


def finish_file(size: int, mode: int) -> str:
    return f"""s=$(stat -c %s "$t" 2>/dev/null || wc -c <"$t")
[ "$s" -eq {size:d} ] || exit {IS_SHORT}
chmod {mode & 0o7777:o} "$t" && mv -f "$t" "$d\""""


def _file_place(remote: str, name: str, token: str) -> str:
    """$d: where the file goes; $t: its temporary name, in the same folder so that moving is atomic."""
    return f"""d={_name(remote, is_file=True)}
n={quoted(name)}
if [ -d "$d" ]; then d="${{d%/}}/$n"; fi
if [ -d "$d" ]; then exit {IS_FOLDER}; fi
t="${{d%/*}}/.cowweb-{checked(token)}"
[ -d "${{d%/*}}/" ] || exit {NO_PARENT}"""


def _kind_check(remote: str) -> str:
    return f"""d={_name(remote)}
[ -d "$d" ] && exit {IS_FOLDER}
[ -e "$d" ] || exit {IS_MISSING}
[ -f "$d" ] || exit {IS_SPECIAL}"""


def _name(remote: str, *, is_file: bool = False) -> str:
    """Quoted, and never something that a program takes for an option."""
    if not remote:
        raise Refused("the name in the guest is empty")
    name = remote if remote.startswith("/") else f"./{remote}"
    return quoted(name if is_file else name.rstrip("/") or "/")
