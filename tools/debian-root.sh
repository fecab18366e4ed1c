#!/bin/sh
# Usage: debian-root.sh FOLDER PACKAGES. Make a small Debian 12 in FOLDER, with PACKAGES (commas).
#
# The mirror is the one that this machine's own apt uses. Exit code 3: not possible here, with
# the reason on standard error; the caller skips then.
set -eu
root=$1 packages=$2
suite=bookworm

cannot() {
    echo "$*" >&2
    exit 3
}
[ "$(id -u)" = 0 ] || cannot "root is needed"
command -v apt-get >/dev/null || cannot "apt-get is missing: this is no Debian"
if ! command -v debootstrap >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null 2>&1 || cannot "apt-get update failed"
    apt-get install -y -qq --no-install-recommends debootstrap >/dev/null 2>&1 ||
        cannot "the package debootstrap cannot be installed"
fi
mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(CODENAME) $(REPO_URI)' \
    'Created-By: Packages' | sed -n "s/^Debian Debian main $suite //p" | head -n 1)
[ -n "$mirror" ] || cannot "this machine's apt knows no mirror of Debian $suite"
echo "Making a small Debian $suite ..." >&2
mkdir -p "$root"
if ! debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" \
    >"$root.log" 2>&1; then
    tail -n 3 "$root.log" >&2
    cannot "debootstrap failed"
fi
rm -f "$root.log"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
