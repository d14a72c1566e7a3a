#!/bin/sh
# Sets up the virtual environment: `deploy/setup.sh LOCKFILE`. Finds a Python that really runs, installs by hash,
# and does nothing when the lock file has not changed since.
set -eu
cd "$(dirname "$0")/.."
lock=${1:-requirements.lock}
stamp=.venv/installed-$(basename "$lock")

# A version manager's shim may exist and still not run: ask each for its version instead of looking for it.
find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo "no Python at all")
    echo "Gatehouse needs Python 3.11 or newer and found $found." >&2
    exit 1
}

if [ -f "$stamp" ] && cmp -s "$lock" "$stamp" && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
python=$(find_python)
if ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "Python $version lacks its venv module. On Debian: apt-get install python$version-venv" >&2
        exit 1
    fi
    echo "Creating the virtual environment with $("$python" --version)."
    "$python" -m venv .venv
fi
echo "Installing what $lock pins (this takes about half a minute)."
PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet --require-hashes -r "$lock"
cp "$lock" "$stamp"
