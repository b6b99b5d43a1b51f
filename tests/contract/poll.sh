#!/bin/sh
# Wait until the latest deployment of a connector is finished: exit 0 when it is live, 1 when it is not.
# Asks the way build scripts do: by curl, knowing nothing but the public API.
set -u
: "${HUB:?}" "${TOKEN:?}" "${NAME:?}" "${VERSION:?}"

while :; do
    answer=$(curl --silent --location --header "Authorization: Bearer $TOKEN" \
        "$HUB/cdk/v1/deployments/connectors/$NAME/versions/$VERSION/latest")
    status=$(printf '%s' "$answer" | sed -n 's/.*"deploymentStatus" *: *"\([A-Za-z]*\)".*/\1/p')
    case $status in
        Deployed) echo "$NAME $VERSION is live"; exit 0 ;;
        Deploying | Building) sleep "${POLL_SECONDS:-5}" ;;
        *) echo "$NAME $VERSION is not live: $answer" >&2; exit 1 ;;
    esac
done
