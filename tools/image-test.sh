#!/bin/sh
# Build the image without a Docker engine, start it as compose would, send a mail through it,
# ask its health check, and stop it.
#
# Debian's buildah builds it (STORAGE_DRIVER=vfs, BUILDAH_ISOLATION=chroot need no daemon) over a
# base made with debootstrap under the name that the FROM line asks for. Mirror and pip's index
# are those of this machine; the image names neither. Exit 0 with a word where root, apt-get or
# the packages are missing.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

skipped() {
    echo "image-test was skipped: $*"
    exit 0
}
[ "$(id -u)" = 0 ] || skipped "root is needed"
command -v apt-get >/dev/null || skipped "apt-get is missing: this is no Debian"
unshare --mount true 2>/dev/null || skipped "no mount namespaces here"
if ! command -v buildah >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null 2>&1 || skipped "apt-get update failed"
    apt-get install -y -qq --no-install-recommends buildah >/dev/null 2>&1 ||
        skipped "the package buildah cannot be installed"
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
export BUILDAH_ISOLATION=chroot
bud() {
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs \
        --registries-conf "$work/none" "$@"
}
: >"$work/none"

# The base, under the name that the Dockerfile asks for.
named=$(sed -n 's/^ARG BASE=//p' Dockerfile)
if [ -d "${AWIZO_BASE_ROOT:-}" ]; then
    root=$AWIZO_BASE_ROOT # made earlier by debian-root.sh, to save a minute
else
    root=$work/root
    sh tools/debian-root.sh "$root" python3,python3-venv,ca-certificates || {
        [ $? = 3 ] && skipped "see the line above"
        exit 1
    }
fi
base=$(bud from scratch)
bud copy -q "$base" "$root" / >/dev/null
bud commit -q --format docker --rm "$base" "localhost/$named" >/dev/null
rm -rf --one-file-system "$work/root"

# pip in the build takes this machine's configuration through mounts, so nothing of it stays.
"$python" tools/machine_pip.py "$work/pip.conf" >"$work/places"
set -- --volume "$work/pip.conf:/etc/pip.conf:ro"
while read -r place; do
    [ -n "$place" ] && set -- "$@" --volume "$place:$place:ro"
done <"$work/places"
echo "Building the image over a base named $named ..." >&2
bud bud --format docker --pull-never --build-arg "BASE=localhost/$named" "$@" \
    -t localhost/awizo:test . >"$work/build.log" 2>&1 || {
    tail -n 30 "$work/build.log" >&2
    echo "image-test: the image could not be built." >&2
    exit 1
}
bud inspect --type image localhost/awizo:test >"$work/image.json"
container=$(bud from --pull-never localhost/awizo:test)
"$python" tools/image_run.py "$work/image.json" "$(bud mount "$container")"
