#!/bin/sh
# Let Compose itself read docker-compose.yml with the example's values. No engine is needed for that, only
# the tool; where it is missing the policy tests in tests/unit/test_packaging.py still run.
set -eu

if docker compose version >/dev/null 2>&1; then
    set -- docker compose
elif command -v docker-compose >/dev/null 2>&1; then
    set -- docker-compose
else
    echo "moshtari: docker-compose.yml not read by Compose: neither 'docker compose' nor docker-compose here"
    exit 0
fi
"$@" --env-file .env.example --file docker-compose.yml config --quiet
echo "$* config: docker-compose.yml is valid"
