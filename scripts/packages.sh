# Sourced by scripts/setup: the Debian packages, by what they are for, and how they come in.
# shellcheck shell=bash disable=SC2154  # VENV, find_python: scripts/setup

RUN=(qemu-system-x86 qemu-utils ovmf mtools dosfstools gcc libc6-dev nftables gpgv)
BUILD=(
    mmdebstrap debian-archive-keyring fakeroot faketime cpio syslinux syslinux-common fdisk grub-common
    grub-pc-bin grub-efi-amd64-bin systemd-boot-efi uidmap lz4 zstd e2fsprogs
)
TEST=(chromium fonts-dejavu-core openssh-client postgresql redis-server strace gpg gpg-agent)
# Where a service manager runs, this one would be started, and listen to the network: only where nobody minds.
if [[ ${CI-} == true || ! -d /run/systemd/system ]]; then TEST+=(slapd); fi
# Without these nothing runs; a release that lacks another one only loses what needs it.
ESSENTIAL=" qemu-system-x86 qemu-utils gcc libc6-dev "

# install_packages [run] [build] [test]
install_packages() {
    local missing=()
    find_missing "$@"
    ((${#missing[@]})) || return 0
    type -P apt-get >/dev/null || fail "there is no apt here; install what these Debian packages hold: ${missing[*]}"
    if ! compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then
        become_root
        update_lists
    fi
    leave_out_unknown
    ((${#missing[@]})) || return 0
    become_root
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    if ! step "Debian packages" apt_install "${missing[@]}"; then
        update_lists
        step "Debian packages, second try" apt_install "${missing[@]}"
    fi
}

# Fills the caller's `missing`, asking dpkg once.
find_missing() {
    local group wanted=() installed package
    (($#)) || set -- run build test
    for group in "$@"; do
        case $group in
            run) wanted+=("${RUN[@]}") ;;
            build) wanted+=("${BUILD[@]}") ;;
            test) wanted+=("${TEST[@]}") ;;
            *) fail "unknown group $group; there are run, build and test" ;;
        esac
    done
    want_python
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "${wanted[@]}" 2>/dev/null || true)"
    if [[ -f $VENV/.not-offered ]]; then installed+=$(<"$VENV/.not-offered"); fi
    if type -P chromium || type -P google-chrome; then installed+=" installed:chromium "; fi >/dev/null
    for package in "${wanted[@]}"; do
        [[ $installed == *" installed:$package "* ]] || missing+=("$package")
    done
}

# Adds to the caller's `wanted` what .venv is made with, unless it is there or another Python can make it.
want_python() {
    local python
    if [[ -x $VENV/bin/python || -n $(find_python ensurepip) ]]; then return; fi
    python=$(find_python sys)
    python=${python##*/}
    [[ -n $python ]] || wanted+=(python3.11)
    wanted+=("${python:-python3.11}-venv")
}

# Takes from the caller's `missing` what this release does not have; says so once and remembers it.
leave_out_unknown() {
    local package known offered=() absent=()
    known=$(apt-cache madison "${missing[@]}" 2>/dev/null) || return 0 # apt cannot tell: install, and see
    known=$'\n'$(tr -d ' ' <<<"$known" | cut -d '|' -f 1)$'\n'
    for package in "${missing[@]}"; do
        if [[ $known == *$'\n'$package$'\n'* ]]; then
            offered+=("$package")
        elif [[ $package == python* ]]; then
            fail "Python 3.11 or newer is needed, and apt offers no $package (Ubuntu 22.04: universe of jammy-updates)"
        elif [[ $ESSENTIAL == *" $package "* ]]; then
            fail "apt offers no $package here, and CoWWeb needs it (Debian 12, Ubuntu 22.04 or newer)"
        else
            absent+=("$package")
        fi
    done
    missing=("${offered[@]}")
    ((${#absent[@]})) || return 0
    say "not offered by this release, what needs it is left out: ${absent[*]}"
    mkdir -p "$VENV"
    printf ' installed:%s ' "${absent[@]}" >>"$VENV/.not-offered"
}

# Sets ROOT, the words that make a command root's. Where there is no way, says what to type and ends.
become_root() {
    ROOT=(env DEBIAN_FRONTEND=noninteractive)
    ((EUID)) || return 0
    ROOT=(sudo "${ROOT[@]}")
    if type -P sudo >/dev/null; then
        if sudo -n true 2>/dev/null; then return; fi
        if [[ -t 0 && -t 2 ]] && sudo -v; then return; fi
    fi
    say "Debian packages are missing, and neither root nor sudo is at hand. As root, run:" >&2
    printf "%s\n" "apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
}

update_lists() {
    step "package lists" "${ROOT[@]}" apt-get update
}

apt_install() {
    "${ROOT[@]}" apt-get install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@"
}
