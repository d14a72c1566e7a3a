#!/bin/sh
# Says when periodic tasks are due: `deploy/beat.sh`, exactly one.
set -eu
cd "$(dirname "$0")/.."
export PORTAL_ENV="${PORTAL_ENV:-production}"
.venv/bin/python -m portal.preflight
exec .venv/bin/python -m celery -q -A portal.celery beat --loglevel WARNING --pidfile=
