#!/bin/sh
# Write .env from .env.example with every `change-me` replaced by a fresh secret; called by `make env`.
set -eu

if [ -e .env ]; then
    echo "moshtari: .env is there already and stays as it is. To begin anew, move it away first." >&2
    exit 1
fi
umask 077
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
        # Airflow's Fernet key is 32 bytes in URL-safe base64.
        AIRFLOW_FERNET_KEY=change-me)
            line="AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')" ;;
        # Hexadecimal, because passwords stand inside connection URLs too.
        *=change-me)
            line="${line%change-me}$(od -An -tx1 -N24 /dev/urandom | tr -d ' \n')" ;;
    esac
    printf '%s\n' "$line"
done < .env.example > .env.new
mv .env.new .env
echo "moshtari: wrote .env. Next: moshtari.yml (your sources), then docker compose up --build --detach"
