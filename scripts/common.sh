# Sourced by the scripts beside it: strict mode, the checkout as the working folder, say, fail and step.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Without kept bytecode every process of ours compiles all that it imports: two seconds instead of one.
unset PYTHONDONTWRITEBYTECODE

SIGN_OF_LIFE_S=15

say() { printf '%s: %s\n' "${0##*/}" "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# step WORDS COMMAND…: runs it quietly. One line when it took over a second, its last line every
# quarter of a minute while it lasts, all it said when it fails.
step() {
    local words=$1 log watch started=${EPOCHREALTIME/[.,]/} status=0 took_ms
    shift
    log=$(mktemp)
    # The watcher ends when this end of its pipe closes, however the command ends.
    exec {watch}> >(watch_log "$words" "$log")
    "$@" >"$log" 2>&1 </dev/null {watch}>&- || status=$?
    exec {watch}>&-
    took_ms=$(((${EPOCHREALTIME/[.,]/} - started) / 1000))
    if ((status != 0)); then
        cat "$log" >&2
        rm -f "$log"
        say "$words: failed with status $status" >&2
        return "$status"
    fi
    rm -f "$log"
    if ((took_ms >= 1000)); then
        say "$words: $((took_ms / 1000)).$((took_ms % 1000 / 100)) s"
    fi
}

watch_log() {
    local status last
    while true; do
        status=0
        read -rt "$SIGN_OF_LIFE_S" || status=$?
        ((status > 128)) || return 0 # above 128: the time is over; otherwise: the pipe is closed
        last=$(tail -n 1 "$2" 2>/dev/null)
        say "$1 … ${last:0:100}"
    done
}

need_venv() { [[ -x .venv/bin/python ]] || fail "there is no .venv yet: run make setup first"; }

# A data folder of its own for this command, gone afterwards. Built guests in the cache are still shared.
borrow_data() {
    COWWEB_DATA=$(mktemp -d)
    export COWWEB_DATA
    trap 'rm -rf "$COWWEB_DATA"' EXIT
}

# format_templates [--check]
format_templates() {
    local files
    mapfile -d '' files < <(find . -name '*.html' -path '*templates/*' \
        -not -path './.venv/*' -not -path './node_modules/*' -not -path './data/*' -print0)
    ((${#files[@]})) || return 0
    .venv/bin/djade --target-version 5.2 "$@" "${files[@]}"
}

# What waits more than it works runs side by side. Tests in guests are a session of their own with one worker less:
# each that waits costs as long as its guests and its site live. The tests of a module share their guest, and begin
# in the order that tests/conftest.py gives them.
test_fast() { tested -q -n 3 --dist worksteal -m "not slow and not guest and not browser"; }
test_quick() { tested -q -n 4 --dist worksteal -m "not guest and not browser"; }
test_guests() { tested -q -n 3 --dist loadfile --no-loadscope-reorder -m "guest or browser"; }

# A shared machine is at times too slow for what waits by the clock: what failed is tried once more, by itself.
tested() {
    .venv/bin/python -m pytest "$@" && return
    say "once more, what failed, by itself"
    .venv/bin/python -m pytest "$@" -n 0 --dist no --last-failed --last-failed-no-failures none
}
