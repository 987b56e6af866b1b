#!/bin/sh
# Records what both Helms hand to a post-renderer for our small chart, into this folder.
# Usage: record.sh HELM3 HELM4
set -eu
here=$(cd "$(dirname "$0")" && pwd)
chart=$here/../charts/small
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '#!/bin/sh\ntee "$OMUPGRADE_RECORD"\n' > "$work/record"
chmod +x "$work/record"
mkdir -p "$work/plugins/record"
cat > "$work/plugins/record/plugin.yaml" <<YAML
apiVersion: v1
name: record
version: 0.1.0
type: postrenderer/v1
runtime: subprocess
runtimeConfig:
  platformCommand:
    - command: "\${HELM_PLUGIN_DIR}/../../record"
YAML
OMUPGRADE_RECORD=$here/small-helm3.yaml "$1" template om "$chart" --post-renderer "$work/record" > /dev/null
OMUPGRADE_RECORD=$here/small-helm4.yaml HELM_PLUGINS=$work/plugins "$2" template om "$chart" --post-renderer record > /dev/null
