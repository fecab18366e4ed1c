#!/bin/sh
# Usage: bare-test.sh [TARGET...]. The first commands of a newcomer, on a bare Debian 12 with
# Python, make and git and nothing else (no python3-venv): 'make demo', then once more with the
# time taken, or the targets named instead.
#
# Takes what is committed. Exit 0 with a word where the machine does not allow it.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${AWIZO_BARE_ROOT:-}" ]; then
    work=$(mktemp -d)
    trap 'rm -rf --one-file-system "$work"' EXIT
    trap 'exit 130' INT TERM
    if ! unshare --mount true 2>/dev/null; then
        echo "bare-test was skipped: this needs root and mount namespaces."
        exit 0
    fi
    sh tools/debian-root.sh "$work/root" python3,make,git,ca-certificates || {
        [ $? = 3 ] && echo "bare-test was skipped: see the line above." && exit 0
        exit 1
    }
    # What is mounted below is gone with the namespace, however this ends.
    AWIZO_BARE_ROOT=$work/root unshare --mount --pid --fork --kill-child sh tools/bare-test.sh "$@"
    exit
fi

root=$AWIZO_BARE_ROOT
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
for file in /etc/apt/apt.conf.d/*; do # how this machine reaches its mirror, proxies and all
    case $file in *docker*) ;; *) cp "$file" "$root/etc/apt/apt.conf.d/" ;; esac
done
python3 tools/machine_pip.py "$root/etc/pip.conf" | while read -r place; do
    if [ -d "$place" ]; then
        mkdir -p "$root$place"
    else
        mkdir -p "$root$(dirname "$place")" && touch "$root$place"
    fi
    mount --bind -o ro "$place" "$root$place"
done
git clone -q --no-hardlinks . "$root/root/awizo"

inside() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        sh -c "cd /root/awizo && $1"
}
inside "python3 -c 'import ensurepip' 2>/dev/null" && echo "This root is not bare." && exit 1
if [ $# -gt 0 ]; then
    for target in "$@"; do
        echo "== make $target"
        inside "make $target"
    done
else
    echo "== make demo, the first command"
    inside "make demo"
    echo "== make demo, again"
    started=$(date +%s%N)
    { inside "make demo" && touch "$root/root/again"; } 2>&1 | {
        read -r first || true
        echo "$first"
        spent_ms=$((($(date +%s%N) - started) / 1000000))
        cat
        echo "The second 'make demo' spoke after $spent_ms ms."
        [ "$spent_ms" -lt 5000 ] && touch "$root/root/quick"
    }
    [ -e "$root/root/again" ] && [ -e "$root/root/quick" ]
fi
echo "bare-test: 1 passed, 0 failed"
