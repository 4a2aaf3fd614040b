#!/bin/sh
# Fails when committed generated code is not what its sources generate today; prints the difference.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
cd "$root"
tools/generate.sh "$fresh"
cd "$fresh"
drift=0
# Each generated file must be committed as it is; each committed file below a generated folder must still be generated.
for file in $(find . -type f | sort); do
    diff -u "$root/$file" "$file" || drift=1
done
for file in $(cd "$root" && git ls-files rust/segengine-server/src/generated python/segengine/client/_sync \
    'python/segengine/v1/*_pb2.py*'); do
    [ -f "$file" ] || { echo "$file is committed but no longer generated"; drift=1; }
done
[ "$drift" -eq 0 ] || { echo "generated code has drifted: run \`make generate\` and commit the result"; exit 1; }
echo "generated code: $(find . -type f | wc -l) files are what their sources generate"
