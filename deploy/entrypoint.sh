#!/bin/sh
# Start one process of the image. Refuses secrets that still are the example's.
set -eu

left=$(env | sed -n 's/^\([A-Z_]*\)=.*change-me.*/\1/p' | sort | tr '\n' ' ')
if [ -n "$left" ]; then
    echo "moshtari: these still hold the example's secret 'change-me': ${left% }" >&2
    echo "moshtari: write your own into .env, or move .env away and call 'make env'." >&2
    exit 78
fi
exec "$@"
