#!/bin/sh
# Times the program beside yq and kustomize (where they are installed) on the streams of the benchmark: CPU (user and
# system, the least of several runs) and largest resident memory. Needs GNU time and Python 3.
# Usage: testdata/bench/peers.sh [RUNS]
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-5}
cargo build --release --quiet --package helm-postrender
program=${CARGO_TARGET_DIR:-target}/release/helm-postrender
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OMUPGRADE_BENCH_WRITE=$work cargo bench --quiet --package helm-postrender --bench transform > /dev/null
# The real chart's render, where the recorded streams are at hand, as often as makes 5,000 documents.
if [ -n "${OMUPGRADE_CORPUS:-}" ]; then
    for _ in $(seq 277); do cat "$OMUPGRADE_CORPUS/helm-streams/openmetadata-1.13.1-default-helm3.yaml"; done > "$work/chart-5000.yaml"
fi
mkdir "$work/kustomize"
cat > "$work/kustomization.yaml" <<YAML
resources: [stream.yaml]
patches:
- target: {kind: Deployment}
  patch: '[{op: add, path: /spec/minReadySeconds, value: 30}]'
YAML

# measure NAME INPUT COMMAND...: prints one line of the table. Memory is what GNU time says of one more run: a child of
# Python's own would count Python's memory before its exec.
measure() {
    name=$1 input=$2
    shift 2
    memory=$(/usr/bin/time -f %M -o "$work/memory" "$@" < "$input" > /dev/null 2>&1 || :; tail -n 1 "$work/memory")
    python3 - "$runs" "$name" "$input" "$memory" "$@" <<'PY'
import os, subprocess, sys
runs, name, source, kib, command = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:]
best, note = 1e9, ""
for _ in range(runs):
    with open(source) as stdin:
        child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
    best = min(best, usage.ru_utime + usage.ru_stime)
    note = note if status == 0 else f"  FAILED ({status})"
size = os.path.getsize(source)
# Ours is bound to 3 x input + 10 MiB.
bound = 3 * size / 2**20 + 10
if command[0].endswith("helm-postrender"):
    note += f"  bound {bound:.1f} MiB" + ("" if kib / 1024 < bound else ": ABOVE")
print(f"{os.path.basename(source):<22} {name:<18} {best * 1000:>9.1f} ms {kib / 1024:>8.1f} MiB  ({kib * 1024 / size:.1f} x input){note}")
PY
}

printf '%-22s %-18s %12s %12s\n' stream program 'CPU, least' 'memory, most'
for stream in "$work"/*.yaml; do
    case $stream in */kustomization.yaml) continue ;; esac
    measure helm-postrender "$stream" "$program" --backup=off
    measure '  rollout alone' "$stream" "$program" --policy testdata/policy/one-change.yaml --backup=off
    if yq --version 2> /dev/null | grep -q mikefarah; then
        measure yq "$stream" yq 'select(.kind == "Deployment").spec.minReadySeconds = 30'
    elif command -v yq > /dev/null; then
        measure 'yq (Python)' "$stream" yq --yaml-output 'select(.kind == "Deployment").spec.minReadySeconds = 30'
    fi
    # Kustomize takes minutes for 5,000 documents.
    case $stream in *5000*) continue ;; esac
    if command -v kustomize > /dev/null; then
        cp "$stream" "$work/kustomize/stream.yaml"
        cp "$work/kustomization.yaml" "$work/kustomize/"
        measure kustomize "$stream" kustomize build "$work/kustomize"
    fi
done
