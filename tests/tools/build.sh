#!/usr/bin/env bash
# The programs that tests run beside infra: a Kubernetes control plane, helm, Vault, and the checkers of what goes into a cluster.
# usage: build.sh [PROGRAM ...]          all of them without arguments
#
# Each folder here is a Go module whose go.mod and go.sum pin everything. A program is built once per version into
# $INFRA_TOOLS/versions/<module>-<hash of go.mod, go.sum and flags>/ and linked from $INFRA_TOOLS/bin, where tests look.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=${INFRA_TOOLS:-$HOME/.cache/infra/tools}
version() { awk -v module="$2" '$1 == "require" { $1 = $2; $2 = $3 } $1 == module { print $2; exit }' "$here/$1/go.mod"; }
kube=$(version kube k8s.io/kubernetes)
minor=$(echo "$kube" | cut -d. -f2)

kubernetes="-X k8s.io/component-base/version.gitVersion=$kube -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor -X k8s.io/component-base/version.gitTreeState=clean"
helm="-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$minor"

# program, module folder, package, linker flags: what is needed by most comes first.
table() {
  cat <<ROWS
kubectl|kube|k8s.io/kubernetes/cmd/kubectl|$kubernetes
helm|helm|helm.sh/helm/v3/cmd/helm|$helm
etcd|etcd|go.etcd.io/etcd/server/v3|
kube-apiserver|kube|k8s.io/kubernetes/cmd/kube-apiserver|$kubernetes
kube-controller-manager|kube|k8s.io/kubernetes/cmd/kube-controller-manager|$kubernetes
kube-scheduler|kube|k8s.io/kubernetes/cmd/kube-scheduler|$kubernetes
kwok|kwok|sigs.k8s.io/kwok/cmd/kwok|
cyclonus|cyclonus|github.com/mattfenwick/cyclonus/cmd/cyclonus|
alloy-check|alloy|.|
actionlint|actionlint|github.com/rhysd/actionlint/cmd/actionlint|
kubeseal|kubeseal|github.com/bitnami-labs/sealed-secrets/cmd/kubeseal|-X main.VERSION=$(version kubeseal github.com/bitnami-labs/sealed-secrets)
amtool|alertmanager|github.com/prometheus/alertmanager/cmd/amtool|
gator|gatekeeper|github.com/open-policy-agent/gatekeeper/v3/cmd/gator|
promtool|prometheus|github.com/prometheus/prometheus/cmd/promtool|
source-controller|flux|github.com/fluxcd/source-controller|
kustomize-controller|flux|github.com/fluxcd/kustomize-controller|
kyverno|kyverno|github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno|
pgp|vault|.|
vault|vault|github.com/hashicorp/vault|
ROWS
}

if ! command -v go >/dev/null; then
  echo "tools: no Go on PATH: the tests that need a real control plane or checkers of policies and rules will be skipped" >&2
  exit 0
fi

mkdir -p "$tools/bin" "$tools/versions"
# Two that run at once take turns.
if command -v flock >/dev/null; then
  exec 9>"$tools/lock"
  flock 9
fi
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -mod=readonly"
wanted=" $* "
while IFS='|' read -r program module package flags; do
  [ $# -eq 0 ] || [[ $wanted == *" $program "* ]] || continue
  key=$(cat "$here/$module/go.mod" "$here/$module/go.sum" <(echo "$flags") | sha256sum | cut -c1-12)
  home=$tools/versions/$module-$key
  if [ ! -x "$home/$program" ]; then
    mkdir -p "$home"
    echo "tools: building $program" >&2
    (cd "$here/$module" && TIMEFORMAT="tools: $program took %R s, %U + %S s of processor time" && time go build -ldflags="-s -w $flags" -o "$home/.$program.$$" "$package")
    mv "$home/.$program.$$" "$home/$program"
  fi
  ln -sf "$home/$program" "$tools/bin/.$program.$$"
  mv -f "$tools/bin/.$program.$$" "$tools/bin/$program"
done < <(table)
