#!/bin/sh
# The helm of the simulated cluster: writes down what it is told, and ends as the test wants it.
case $1 in version) printf v4.3.1; exit ;; esac
dir=${0%/*}
echo "$*" >>"$dir/calls"
echo "${HELM_DRIVER:-}" >>"$dir/drivers"
env | grep '^HELM_KUBE' >>"$dir/environment"
dies=
[ ! -e "$dir/dies" ] || { dies=$(cat "$dir/dies"); rm "$dir/dies"; }
hear() { touch "$dir/reached"; }
[ "$dies" != FindsNoServer ] || { echo 'Error: Kubernetes cluster unreachable: connection refused' >&2; exit 1; }
[ "$dies" != BeforeAnything ] || { hear; exec sleep 1; }
[ "$dies" != FailsAtOnce ] || { echo 'Error: plugin "keys" exited with error' >&2; exit 1; }
echo "pending $$ $2 $3" >>"$dir/deeds"
[ "$dies" != Pending ] || { hear; exec sleep 1; }
[ "$dies" != Lingers ] || { touch "$dir/lingers"; exec sleep 20; }
[ "$dies" != Complains ] || { echo "failed $$ $2 $3" >>"$dir/deeds"; echo 'Error: conflict' >&2; exit 1; }
[ "$dies" != Refuses ] || { echo "refused $$ $2 $3" >>"$dir/deeds"; echo 'Error: Service "om" is invalid: field is immutable' >&2; exit 1; }
[ "$dies" != LosesTheServer ] || { echo 'Error: connection refused' >&2; exit 1; }
[ "$dies" != Outlives ] || { hear; sleep 0.15; }
echo "done $$ $2 $3" >>"$dir/deeds"
[ "$dies" != AfterAll ] || { hear; exec sleep 1; }
echo "Rollback was a success! Happy Helming!"
