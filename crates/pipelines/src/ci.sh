#!/usr/bin/env bash
# What the pipelines that `infra ci render` writes do, a step at a time. Everything comes by the environment, and nothing of it is
# ever run as a command; tokens go to programs by files and standard input, never as arguments.
#
#   version          the version that this commit gets, by the commits since the last one (Conventional Commits)
#   tag              gives it to the commit
#   tools            fetches trivy and cosign, held against their SHA-256
#   sources          looks for holes, secrets and misconfiguration in what is checked out
#   build            builds $CONTEXT into $WORK/image.tar, without a daemon
#   scan             looks for holes in that, and writes what is in it (CycloneDX) to $WORK/sbom.json
#   login            logs in to $REGISTRY_HOST
#   push             pushes $WORK/image.tar as $IMAGE:$IMAGE_TAG; prints its digest
#   clair            has Clair look at $IMAGE@$DIGEST
#   sign             signs $IMAGE@$DIGEST and what is in it, and verifies both as the cluster will
#   bump             writes the images of $IMAGES into the configuration repository
set -euo pipefail

work=${WORK:-${RUNNER_TEMP:-${TMPDIR:-/tmp}}/infra-ci}
mkdir -p "$work/bin" "$work/auth"
export PATH="$work/bin:$PATH"
export DOCKER_CONFIG="$work/auth" REGISTRY_AUTH_FILE="$work/auth/config.json"

fail() {
  printf 'ci: %s\n' "$1" >&2
  exit 1
}

# A call whose credentials stand in a file of its own: get HEADERS URL [ARGUMENTS ...]
call() {
  local headers=$1 url=$2
  shift 2
  printf '%s\n' "$headers" | curl --fail-with-body --silent --show-error --retry 3 --max-time 120 --header @- "$@" "$url"
}

# --- versions ---

# The highest version of those that `git tag` lists.
highest() {
  git tag --list "${TAG_PREFIX}[0-9]*" "$@" --sort=-v:refname |
    grep -E "^${TAG_PREFIX}[0-9]+\.[0-9]+\.[0-9]+$" | head -n 1 || true
}

version() {
  local here last range major minor patch log paths=()
  here=$(highest --points-at HEAD)
  if [ -n "$here" ]; then
    echo "${here#"$TAG_PREFIX"}"
    return
  fi
  last=$(highest --merged HEAD)
  if [ -z "$last" ]; then
    echo 0.1.0
    return
  fi
  range="$last..HEAD"
  IFS=. read -r major minor patch <<<"${last#"$TAG_PREFIX"}"
  if [ "${APP_PATH:-.}" != . ]; then paths=(-- "$APP_PATH"); fi
  log=$(git log --format='%s%n%b' "$range" "${paths[@]}")
  if grep -Eq '^([a-z]+(\([^)]*\))?!:|BREAKING[ -]CHANGE:)' <<<"$log"; then
    # Before 1.0.0 anything may change.
    if [ "$major" = 0 ]; then minor=$((minor + 1)); else major=$((major + 1)) minor=0; fi
    patch=0
  elif grep -Eq '^feat(\([^)]*\))?:' <<<"$log"; then
    minor=$((minor + 1)) patch=0
  else
    patch=$((patch + 1))
  fi
  echo "$major.$minor.$patch"
}

tag() {
  local name="$TAG_PREFIX$VERSION"
  if git rev-parse --quiet --verify "refs/tags/$name" >/dev/null; then
    [ "$(git rev-parse "refs/tags/$name^{commit}")" = "$(git rev-parse HEAD)" ] || fail "$name is another commit's"
    return
  fi
  if [ -n "${GITHUB_ACTIONS:-}" ]; then
    call "Authorization: Bearer $GITHUB_TOKEN" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/git/refs" \
      --data "$(jq -n --arg ref "refs/tags/$name" --arg sha "$GITHUB_SHA" '{$ref, $sha}')" >/dev/null
  else
    call "JOB-TOKEN: $CI_JOB_TOKEN" "$CI_API_V4_URL/projects/$CI_PROJECT_ID/releases" --header 'Content-Type: application/json' \
      --data "$(jq -n --arg tag "$name" --arg ref "$CI_COMMIT_SHA" '{tag_name: $tag, $ref}')" >/dev/null
  fi
}

# --- programs ---

# fetch URL SHA256 FILE
fetch() {
  curl --proto '=https' --tlsv1.2 --fail --location --silent --show-error --retry 3 --max-time 300 --output "$3" "$1"
  echo "$2  $3" | sha256sum --check --status || fail "$1 is not what it was: its SHA-256 is not $2"
}

tools() {
  fetch "https://github.com/aquasecurity/trivy/releases/download/v$TRIVY_VERSION/trivy_${TRIVY_VERSION}_Linux-64bit.tar.gz" \
    "$TRIVY_SHA256" "$work/trivy.tar.gz"
  tar -xzf "$work/trivy.tar.gz" -C "$work/bin" trivy
  fetch "https://github.com/sigstore/cosign/releases/download/v$COSIGN_VERSION/cosign-linux-amd64" "$COSIGN_SHA256" "$work/bin/cosign"
  chmod 755 "$work/bin/cosign"
}

# --- what is wrong with it ---

holes() {
  echo "--severity=$SEVERITY"
  if [ "${UNFIXED:-false}" != true ]; then echo --ignore-unfixed; fi
}

sources() {
  local flags
  mapfile -t flags < <(holes)
  trivy filesystem --scanners vuln,secret,misconfig --exit-code 1 --no-progress "${flags[@]}" "$APP_PATH"
}

scan() {
  local flags
  if [ "${SCANNER:-trivy}" = trivy ]; then
    mapfile -t flags < <(holes)
    trivy image --input "$work/image.tar" --scanners vuln,secret --exit-code 1 --no-progress "${flags[@]}"
  fi
  trivy image --input "$work/image.tar" --format cyclonedx --output "$work/sbom.json" --no-progress
}

# What a registry wants to see of whoever reads a layer.
reader() {
  local basic challenge realm service token
  basic=$(jq -r --arg host "$REGISTRY_HOST" '.auths[$host].auth' "$REGISTRY_AUTH_FILE")
  challenge=$(curl --silent --show-error --head --max-time 60 "https://$REGISTRY_HOST/v2/" | tr -d '\r' |
    sed -n 's/^[Ww][Ww][Ww]-[Aa]uthenticate: *//p' | head -n 1)
  realm=$(sed -n 's/.*realm="\([^"]*\)".*/\1/p' <<<"$challenge")
  service=$(sed -n 's/.*service="\([^"]*\)".*/\1/p' <<<"$challenge")
  case $challenge in
    Bearer*)
      token=$(call "Authorization: Basic $basic" "$realm" --get --data-urlencode "service=$service" \
        --data-urlencode "scope=repository:${IMAGE#"$REGISTRY_HOST"/}:pull" | jq -r '.token // .access_token')
      echo "Bearer $token"
      ;;
    *) echo "Basic $basic" ;;
  esac
}

# By its own API: https://quay.github.io/clair/reference/api.html
clair() {
  local header manifest severities
  header=$(reader)
  skopeo inspect --raw "docker://$IMAGE@$DIGEST" >"$work/manifest.json"
  manifest=$(jq --arg digest "$DIGEST" --arg base "https://$REGISTRY_HOST/v2/${IMAGE#"$REGISTRY_HOST"/}/blobs" --arg header "$header" \
    '{hash: $digest, layers: [.layers[] | {hash: .digest, uri: "\($base)/\(.digest)", headers: {Authorization: [$header]}}]}' \
    "$work/manifest.json")
  printf '%s' "$manifest" | curl --fail-with-body --silent --show-error --max-time 600 --header 'Content-Type: application/json' \
    --data @- "$CLAIR_URL/indexer/api/v1/index_report" >"$work/index.json"
  jq -e '.success' "$work/index.json" >/dev/null || fail "Clair cannot read $IMAGE: $(jq -r .err "$work/index.json")"
  curl --fail-with-body --silent --show-error --max-time 300 "$CLAIR_URL/matcher/api/v1/vulnerability_report/$DIGEST" >"$work/holes.json"
  severities=$(jq -n --arg all "$SEVERITY" '$all | ascii_downcase | split(",")')
  jq -r --argjson severities "$severities" --arg unfixed "${UNFIXED:-false}" \
    '[.vulnerabilities[] | select((.normalized_severity | ascii_downcase) as $s | $severities | index($s))
      | select($unfixed == "true" or .fixed_in_version != "")]
     | unique_by(.name) | .[] | "\(.normalized_severity) \(.name) \(.package.name)"' "$work/holes.json" | tee "$work/holes.txt"
  [ ! -s "$work/holes.txt" ] || fail "Clair knows holes in $IMAGE"
}

# --- images ---

build() {
  local revision=${GITHUB_SHA:-${CI_COMMIT_SHA:-}}
  local source=${GITHUB_SERVER_URL:+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY}
  local labels=(
    --label "org.opencontainers.image.revision=$revision"
    --label "org.opencontainers.image.source=${source:-${CI_PROJECT_URL:-}}"
    --label "org.opencontainers.image.version=${VERSION:-}"
  )
  if [ "${BUILDER:-buildah}" = kaniko ]; then
    podman run --rm --volume "$PWD/$CONTEXT:/workspace:ro" --volume "$work:/out" "$KANIKO_IMAGE" \
      --context dir:///workspace --dockerfile "$FILE" --no-push --tar-path /out/image.tar --destination image:built "${labels[@]}"
  else
    buildah build --format docker "${labels[@]}" --file "$CONTEXT/$FILE" --tag localhost/image:built "$CONTEXT"
    rm -f "$work/image.tar"
    buildah push localhost/image:built "docker-archive:$work/image.tar:localhost/image:built"
  fi
}

# A token of this pipeline's own, for one audience.
identity() {
  if [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
    call "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$1" | jq -er .value
  else
    printf '%s' "${CLOUD_ID_TOKEN:?there is no token of the pipeline}"
  fi
}

# remember USER, with the password on the standard input
remember() {
  local auth
  auth=$(printf '%s:%s' "$1" "$(cat)" | base64 -w 0)
  (umask 077 && printf '%s' "$auth" | jq -R --arg host "$REGISTRY_HOST" '{auths: {($host): {auth: .}}}' >"$REGISTRY_AUTH_FILE")
}

# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
login_aws() {
  local found key secret session
  identity sts.amazonaws.com >"$work/token"
  found=$(curl --fail-with-body --silent --show-error --retry 3 --max-time 60 --header 'Accept: application/json' \
    --data-urlencode Action=AssumeRoleWithWebIdentity --data-urlencode Version=2011-06-15 \
    --data-urlencode "RoleArn=$AWS_ROLE" --data-urlencode RoleSessionName=pipeline \
    --data-urlencode "WebIdentityToken@$work/token" "https://sts.$AWS_REGION.amazonaws.com/" |
    jq -c '.AssumeRoleWithWebIdentityResponse.AssumeRoleWithWebIdentityResult.Credentials')
  rm -f "$work/token"
  key=$(jq -er .AccessKeyId <<<"$found") secret=$(jq -er .SecretAccessKey <<<"$found") session=$(jq -er .SessionToken <<<"$found")
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' "$key" "$secret" "$session" |
    curl --fail-with-body --silent --show-error --retry 3 --max-time 60 --config - --aws-sigv4 "aws:amz:$AWS_REGION:ecr" \
      --header 'Content-Type: application/x-amz-json-1.1' \
      --header 'X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken' \
      --data '{}' "https://api.ecr.$AWS_REGION.amazonaws.com/" |
    jq -er '.authorizationData[0].authorizationToken' | base64 -d | cut -d : -f 2- | tr -d '\n' | remember AWS
}

# https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
login_google() {
  identity "https://iam.googleapis.com/$GOOGLE_PROVIDER" >"$work/token"
  curl --fail-with-body --silent --show-error --retry 3 --max-time 60 \
    --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    --data-urlencode "audience=//iam.googleapis.com/$GOOGLE_PROVIDER" \
    --data-urlencode scope=https://www.googleapis.com/auth/cloud-platform \
    --data-urlencode requested_token_type=urn:ietf:params:oauth:token-type:access_token \
    --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:jwt \
    --data-urlencode "subject_token@$work/token" https://sts.googleapis.com/v1/token |
    jq -erj .access_token | remember oauth2accesstoken
  rm -f "$work/token"
}

# https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
# https://learn.microsoft.com/azure/container-registry/container-registry-authentication
login_azure() {
  identity "$AZURE_AUDIENCE" >"$work/token"
  curl --fail-with-body --silent --show-error --retry 3 --max-time 60 \
    --data-urlencode "client_id=$AZURE_CLIENT" --data-urlencode grant_type=client_credentials \
    --data-urlencode "scope=$AZURE_SCOPE" \
    --data-urlencode client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
    --data-urlencode "client_assertion@$work/token" "$AZURE_AUTHORITY/$AZURE_TENANT/oauth2/v2.0/token" |
    jq -erj .access_token >"$work/access"
  curl --fail-with-body --silent --show-error --retry 3 --max-time 60 --data-urlencode grant_type=access_token \
    --data-urlencode "service=$REGISTRY_HOST" --data-urlencode "tenant=$AZURE_TENANT" \
    --data-urlencode "access_token@$work/access" "https://$REGISTRY_HOST/oauth2/exchange" |
    jq -erj .refresh_token | remember 00000000-0000-0000-0000-000000000000
  rm -f "$work/token" "$work/access"
}

login() {
  case $LOGIN in
    aws) login_aws ;;
    google) login_google ;;
    azure) login_azure ;;
    github) printf '%s' "$GITHUB_TOKEN" | remember "$GITHUB_ACTOR" ;;
    gitlab) printf '%s' "$CI_JOB_TOKEN" | remember gitlab-ci-token ;;
    password) printf '%s' "${REGISTRY_PASSWORD:?set it as a secret}" | remember "${REGISTRY_USERNAME:?set it as a secret}" ;;
    *) fail "there is no way in called $LOGIN" ;;
  esac
}

push() {
  local found revision=${GITHUB_SHA:-${CI_COMMIT_SHA:-}}
  # A run that was stopped after it had pushed goes on with what it pushed.
  if found=$(skopeo inspect --no-tags "docker://$IMAGE:$IMAGE_TAG" 2>/dev/null); then
    [ "$(jq -r '.Labels["org.opencontainers.image.revision"] // ""' <<<"$found")" = "$revision" ] ||
      fail "$IMAGE:$IMAGE_TAG is there already, and another commit's"
    jq -er .Digest <<<"$found"
    return
  fi
  skopeo copy --quiet --format oci --digestfile "$work/digest" "docker-archive:$work/image.tar" "docker://$IMAGE:$IMAGE_TAG" >&2
  cat "$work/digest"
}

signer() {
  if [ -n "${PUBLIC_KEY:-}" ]; then echo '--key=env://COSIGN_PRIVATE_KEY'; fi
}

verifier() {
  if [ -n "${PUBLIC_KEY:-}" ]; then
    printf '%s\n' "$PUBLIC_KEY" >"$work/cosign.pub"
    echo "--key=$work/cosign.pub"
  elif [ -n "${SUBJECT_REGEXP:-}" ]; then
    printf '%s\n' "--certificate-oidc-issuer=$ISSUER" "--certificate-identity-regexp=$SUBJECT_REGEXP"
  else
    printf '%s\n' "--certificate-oidc-issuer=$ISSUER" "--certificate-identity=$SUBJECT"
  fi
}

sign() {
  local by seen name="$IMAGE@$DIGEST"
  [[ $DIGEST =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$DIGEST is no digest"
  mapfile -t by < <(signer)
  mapfile -t seen < <(verifier)
  cosign sign --yes "${by[@]}" "$name"
  cosign attest --yes "${by[@]}" --type cyclonedx --predicate "$work/sbom.json" "$name"
  cosign verify "${seen[@]}" "$name" >/dev/null
  cosign verify-attestation "${seen[@]}" --type cyclonedx "$name" >/dev/null
}

# --- what the cluster runs ---

# image.yaml, from lines of NAME IMAGE TAG DIGEST: transformers of Kustomize's, so that manifests name an image by its service alone.
manifest() {
  local name image tag digest
  while read -r name image tag digest; do
    [ -n "$name" ] || continue
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "the image of $name has no digest: $digest"
    printf '%s\n' '---' 'apiVersion: builtin' 'kind: ImageTagTransformer' 'metadata:' "  name: $name" 'imageTag:' \
      "  name: $name" "  newName: $image" "  newTag: $tag" "  digest: $digest"
  done <<<"$IMAGES"
}

# How git logs in to the configuration repository, without an argument that others see.
credentials() {
  export GIT_TERMINAL_PROMPT=0
  case $CONFIG_REPOSITORY in
    https://*)
      local basic
      basic=$(printf 'x-access-token:%s' "${CONFIG_TOKEN:?set it as a secret: a token that may write to the configuration repository}" | base64 -w 0)
      export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.extraHeader" GIT_CONFIG_VALUE_0="Authorization: Basic $basic"
      ;;
    ssh://*)
      (umask 077 && printf '%s\n' "${CONFIG_SSH_KEY:?set it as a secret: a key that may write to the configuration repository}" >"$work/key")
      printf '%s\n' "${CONFIG_KNOWN_HOSTS:?without the keys of the server anybody could answer for it}" >"$work/known_hosts"
      export GIT_SSH_COMMAND="ssh -i $work/key -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$work/known_hosts"
      ;;
  esac
}

ask() {
  local branch=$1 title=$2 path api
  path=${CONFIG_REPOSITORY#https://*/} path=${path%.git}
  if [ "$CONFIG_HOST" = github ]; then
    api=${CONFIG_API:-https://api.github.com}
    if [ "$(call "Authorization: Bearer $CONFIG_TOKEN" "$api/repos/$path/pulls?state=open&head=${path%%/*}:$branch" | jq length)" = 0 ]; then
      call "Authorization: Bearer $CONFIG_TOKEN" "$api/repos/$path/pulls" \
        --data "$(jq -n --arg head "$branch" --arg base "$CONFIG_BRANCH" --arg title "$title" '{$head, $base, $title}')" >/dev/null
    fi
  fi
}

bump() {
  local clone=$work/config file="$CONFIG_PATH/$APP/image.yaml" text title="$APP $VERSION" to=$CONFIG_BRANCH options=()
  text=$(manifest)
  credentials
  [ "${CONFIG_HOW:-commit}" = commit ] || to="ci/$APP-$VERSION"
  if [ "$to" != "$CONFIG_BRANCH" ] && [ "$CONFIG_HOST" = gitlab ]; then
    options=(-o merge_request.create -o "merge_request.target=$CONFIG_BRANCH" -o "merge_request.title=$title")
  fi
  for attempt in 1 2 3 4 5; do
    rm -rf "$clone"
    git clone --quiet --depth 1 --branch "$CONFIG_BRANCH" "$CONFIG_REPOSITORY" "$clone"
    grep -Eqs '^ *- *"?(\./)?image\.yaml"? *$' "$clone/$CONFIG_PATH/$APP/kustomization.yaml" ||
      fail "$CONFIG_PATH/$APP/kustomization.yaml does not name image.yaml: write \`transformers: [image.yaml]\` there, one a line"
    printf '%s\n' "$text" >"$clone/$file"
    git -C "$clone" add "$file"
    if git -C "$clone" diff --cached --quiet; then
      echo "ci: $file says so already"
      return
    fi
    git -C "$clone" -c user.name="${COMMIT_NAME:-ci}" -c user.email="${COMMIT_EMAIL:-ci@localhost}" commit --quiet --message "$title"
    if [ "$to" != "$CONFIG_BRANCH" ]; then
      git -C "$clone" push --quiet --force "${options[@]}" origin "HEAD:refs/heads/$to"
      ask "$to" "$title"
      return
    fi
    # Another app's pipeline may have been quicker.
    if git -C "$clone" push --quiet origin "HEAD:refs/heads/$to"; then return; fi
    sleep "$attempt"
  done
  fail "$CONFIG_REPOSITORY takes no commit"
}

case ${1:-} in
  version | tag | tools | sources | build | scan | login | push | clair | sign | manifest | bump) "$1" ;;
  *) fail "there is no step called ${1:-}" ;;
esac
