#!/bin/sh
# Writes every generated file of the project: gRPC code for Rust and Python from proto/, the synchronous Python client
# from the asynchronous one. Generated code is committed, so that a build needs none of these tools; `make check-generated`
# runs this into a temporary folder and compares.
#
# usage: tools/generate.sh [ROOT]    ROOT: where the tree is written, by default the repository itself
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root}
cd "$root"

mkdir -p "$out/python/segengine/v1"

# Rust: protox reads the protos, so no protoc of the system is needed.
tools/cargo.sh xtask codegen "$out"

# Python: the pinned grpcio-tools bring their own protoc; its version is written into each file.
.venv/bin/python -m grpc_tools.protoc --proto_path=proto --python_out="$out/python" --pyi_out="$out/python" \
    proto/segengine/v1/*.proto

# The synchronous twin of the client.
.venv/bin/python tools/unasync.py "$out/python"
