#!/bin/sh
# Prints the Python interpreter to use: the version of .python-version if it can be found, else the newest one that is
# at least 3.11. Looks at $PYTHON, PATH, pyenv's versions and uv. Says on stderr what the choice means; exit 1 if none.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
wanted=$(cat "$root/.python-version")

# "3 13" for an interpreter that starts and can make virtual environments, nothing otherwise. A pyenv shim may exist
# for a version that is not active, and Debian's python3 comes without ensurepip: only running it tells.
version_of() {
    "$1" -c 'import ensurepip, sys, venv; print(*sys.version_info[:2])' 2>/dev/null || true
}

candidates() {
    for name in "python$wanted" python3 python python3.14 python3.13 python3.12 python3.11; do
        command -v "$name" 2>/dev/null || true
    done
    for binary in "${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}"/versions/3.*/bin/python; do
        if [ -x "$binary" ]; then echo "$binary"; fi
    done
    if command -v uv >/dev/null 2>&1; then uv python find "$wanted" 2>/dev/null || true; fi
}

if [ -n "${PYTHON:-}" ]; then
    list=$PYTHON
else
    list=$(candidates)
fi

best='' best_minor=0
while IFS= read -r binary; do
    if [ -z "$binary" ]; then continue; fi
    version=$(version_of "$binary")
    minor=${version#3 }
    case $version in
        "3 "*) ;;
        *) continue ;;
    esac
    if [ "3.$minor" = "$wanted" ]; then
        best=$binary best_minor=$minor
        break
    fi
    if [ "$minor" -ge 11 ] && [ "$minor" -gt "$best_minor" ]; then
        best=$binary best_minor=$minor
    fi
done <<EOF
$list
EOF

if [ -z "$best" ]; then
    echo "No usable Python: this project needs $wanted (at least 3.11), with its venv module." >&2
    echo "Install it (for example 'pyenv install $wanted' or 'uv python install $wanted'), or set PYTHON=/path/to/python." >&2
    exit 1
fi
if [ "3.$best_minor" != "$wanted" ]; then
    echo "Python $wanted was not found; using 3.$best_minor ($best)." >&2
    if [ "$best_minor" -lt 13 ]; then
        echo "Microsoft's worker library needs 3.13: the local host will use its thin engine." >&2
    fi
fi
echo "$best"
