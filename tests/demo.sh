#!/usr/bin/env bash
# The main job in the embedded sandbox, no account needed: plan, apply, drift, destroy of stacks/quickstart.toml.
set -euo pipefail
infra=$1
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/stacks"
cp stacks/quickstart.toml "$work/stacks/"
cd "$work"
run() { printf '\n$ infra %s\n' "$*"; "$infra" "$@"; }
run plan stacks/quickstart.toml --sandbox
run apply stacks/quickstart.toml --sandbox -auto-approve
run drift stacks/quickstart.toml --sandbox
run destroy stacks/quickstart.toml --sandbox -auto-approve
printf '\nNothing is left: '
run state list stacks/quickstart.toml
