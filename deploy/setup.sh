#!/bin/sh
# Bring .venv in step with uv.lock; called by `make setup` from the top of the tree. Does nothing, in a
# few milliseconds, when the environment already is what uv.lock, pyproject.toml and this place ask for.
# Reads PYTHON (an interpreter, may be empty) and UV_VERSION.
set -eu

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
has_venv='import ensurepip, venv'
stamp=.venv/.synced

fail() {
    printf 'moshtari: %s\n' "$@" >&2
    exit 1
}

# Absolute paths are written into an environment, so a moved tree needs a new one.
key=$(pwd; cat pyproject.toml uv.lock | cksum)
if [ -z "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

# The environment's own interpreter first: it may have been named by hand on the first call.
python=
for candidate in ${PYTHON:+"$PYTHON"} .venv/bin/python python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$fits" 2>/dev/null; then
        python=$candidate
        break
    fi
    if [ -n "$PYTHON" ]; then
        fail "$PYTHON is not a Python 3.11, 3.12 or 3.13. Name another, or leave PYTHON empty."
    fi
done
if [ -z "$python" ]; then
    found=$(python3 --version 2>/dev/null) || found='no python3'
    fail "needs Python 3.11, 3.12 or 3.13, and found $found on PATH." \
        "Install one (Debian, Ubuntu: apt-get install python3 python3-venv)," \
        "or name it: make demo PYTHON=/path/to/python3.12"
fi

# uv of the pinned series from PATH, else the pinned one from the package index into .uv.
case "$(uv --version 2>/dev/null || true)" in
    "uv ${UV_VERSION%.*}."*) uv=uv ;;
    *) uv=.uv/bin/uv ;;
esac
if [ "$uv" != uv ] && ! "$uv" --version 2>/dev/null | grep -q "^uv $UV_VERSION"; then
    echo "moshtari: fetching uv $UV_VERSION into .uv"
    rm -rf .uv
    if "$python" -c "$has_venv" 2>/dev/null; then
        "$python" -m venv .uv
        .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip install --quiet --disable-pip-version-check --target .uv "uv==$UV_VERSION"
    else
        fail "$python has neither venv nor pip." \
            "Debian, Ubuntu: apt-get install python3-venv, then call make again."
    fi
fi

rm -f "$stamp"
echo "moshtari: installing the locked environment into .venv (once; a minute or two)"
"$uv" sync --locked --quiet --python "$("$python" -c 'import sys; print(sys.executable)')"
printf '%s\n' "$key" > "$stamp"
