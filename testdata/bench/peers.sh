#!/bin/sh
# Times the program beside yq and kustomize (where they are installed) on the streams of the benchmark: CPU (user and
# system, the least of several runs) and largest resident memory. Usage: testdata/bench/peers.sh [RUNS]
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-5}
cargo build --release --quiet --package helm-postrender
program=${CARGO_TARGET_DIR:-target}/release/helm-postrender
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OMUPGRADE_BENCH_WRITE=$work cargo bench --quiet --package helm-postrender --bench transform > /dev/null
mkdir "$work/kustomize"
cat > "$work/kustomization.yaml" <<YAML
resources: [stream.yaml]
patches:
- target: {kind: Deployment}
  patch: '[{op: add, path: /spec/minReadySeconds, value: 30}]'
YAML

# measure NAME INPUT COMMAND...: prints one line of the table.
measure() {
    name=$1 input=$2
    shift 2
    python3 - "$runs" "$name" "$input" "$@" <<'PY'
import resource, subprocess, sys, os
runs, name, source, command = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
best, rss, code = None, 0, 0
for _ in range(runs):
    # The child of a child: ru_maxrss of our own would hide a small one's.
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        with open(source) as stdin, open(os.devnull, "w") as null:
            child = os.posix_spawnp(command[0], command, os.environ, file_actions=[
                (os.POSIX_SPAWN_DUP2, stdin.fileno(), 0), (os.POSIX_SPAWN_DUP2, null.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, null.fileno(), 2)])
            _, status, usage = os.wait4(child, 0)
        os.write(write, f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {status}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    cpu, kib, status = os.read(read, 100).split()
    os.close(read)
    best = min(best or 1e9, float(cpu))
    rss, code = max(rss, int(kib)), int(status)
size = os.path.getsize(source)
note = "" if code == 0 else f"  FAILED ({code})"
print(f"{os.path.basename(source):<22} {name:<18} {best * 1000:>9.1f} ms {rss / 1024:>8.1f} MiB  ({rss * 1024 / size:.1f} x input){note}")
PY
}

printf '%-22s %-18s %12s %12s\n' stream program 'CPU, least' 'memory, most'
for stream in "$work"/*.yaml; do
    case $stream in */kustomization.yaml) continue ;; esac
    measure helm-postrender "$stream" "$program" --backup=off
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
