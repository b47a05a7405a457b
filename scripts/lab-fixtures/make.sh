#!/bin/sh
# Makes tests/fixtures/lab: lab reports as PDFs by three producers with what stands in them as JSON, and bad files.
# Needs python3, chromium and LibreOffice Writer; everything else goes into target/lab-fixtures.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/lab-fixtures
mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
    python3 -m venv "$work/venv"
fi
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
if [ ! -f "$work/clinosim/fhir_r4/Observation.ndjson" ]; then
    "$work/venv/bin/clinosim" simulate -p 300 --seed 42 --format csv fhir \
        --start 2024-01-01 --end 2024-12-31 -o "$work/clinosim" >"$work/clinosim.txt" 2>&1
fi
exec "$work/venv/bin/python" "$here/make.py" "$work" "$root/tests/fixtures/lab"
