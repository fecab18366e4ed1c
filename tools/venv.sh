#!/bin/sh
# Usage: venv.sh PYTHON VENV LOCK. Make the virtual environment and fill it from a lock file.
set -eu
python=$1 venv=$2 lock=$3

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Awizo needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1)." >&2
    exit 1
}
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
        echo "Python's venv module is missing: install it first (Debian: apt-get install python3-venv)." >&2
        exit 1
    fi
fi
# One that was cut short, or whose Python has gone, is made anew.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
echo "Installing what $lock lists into $venv ..." >&2
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
# The project itself, from this folder, without asking anybody for a build tool.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
echo "$PWD/src" > "$site/awizo.pth"
case $venv in /*) home=$venv ;; *) home=$PWD/$venv ;; esac
# Through sh, because a #! line can hold neither blanks nor a long path.
cat > "$venv/bin/awizo" <<EOF
#!/bin/sh
'''exec' "$home/bin/python" "\$0" "\$@"
' '''
import sys

from awizo.cli import main

sys.exit(main())
EOF
chmod +x "$venv/bin/awizo"
