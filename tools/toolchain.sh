#!/bin/sh
# Names the Python to build with, or says in one sentence what this machine lacks.
#
# What segengine needs and cannot bring: Rust (croaring and parking_lot need 1.95), Python 3.11 with venv, a C compiler.
# Everything else comes by set-up, from the two lock files. Set PYTHON to choose among several interpreters.
# Prints the interpreter's path on stdout; the sentence goes to stderr, with exit code 1.
set -eu

rust_minimum=1.95
python_minimum=3.11

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# at_least FOUND WANTED: compares major.minor as numbers, so that 1.100 is newer than 1.95.
at_least() {
    found_major=${1%%.*}; found_rest=${1#*.}; found_minor=${found_rest%%[!0-9]*}
    [ "$found_major" -gt "${2%%.*}" ] || { [ "$found_major" -eq "${2%%.*}" ] && [ "$found_minor" -ge "${2#*.}" ]; }
}

for tool in cargo rustc; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail "Rust $rust_minimum or newer is needed and \`$tool\` was not found: install it from https://rustup.rs, or put it on PATH."
done
rust_found=$(rustc --version 2>/dev/null | awk '{print $2}')
[ -n "$rust_found" ] ||
    fail "Rust $rust_minimum or newer is needed and \`rustc --version\` fails: repair it, for example with \`rustup default stable\`."
at_least "$rust_found" "$rust_minimum" ||
    fail "Rust $rust_minimum or newer is needed and $rust_found was found: update it, for example with \`rustup update stable\`."

command -v "${CC:-cc}" >/dev/null 2>&1 ||
    fail "a C compiler is needed and \`${CC:-cc}\` was not found: install one (Debian: \`apt install gcc libc6-dev\`, macOS: \`xcode-select --install\`), or name it in CC."

newest=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    command -v "$python" >/dev/null 2>&1 || continue
    found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    newest=${newest:-$found}
    at_least "$found" "$python_minimum" || continue
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "Python $found was found without its venv module: install it (Debian: \`apt install python3-venv\`), or name another Python in PYTHON."
    command -v "$python"
    exit 0
done
if [ -n "$newest" ]; then
    fail "Python $python_minimum or newer is needed and $newest was found: install a newer one, or name it in PYTHON."
else
    fail "Python $python_minimum or newer is needed and \`${PYTHON:-python3}\` was not found: install it, or name it in PYTHON."
fi
