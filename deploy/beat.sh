#!/bin/sh
# Says when periodic tasks are due: `deploy/beat.sh`, exactly one.
set -eu
cd "$(dirname "$0")/.."
export PORTAL_ENV="${PORTAL_ENV:-production}"
.venv/bin/python -m portal.preflight
# Refuses to work with a role that gets past row-level security, a key ring that does not fit, or any other error.
# Says something only then: what follows is the log, an object a line.
said=$(.venv/bin/python manage.py check --database default --fail-level ERROR 2>&1) || { echo "$said" >&2; exit 1; }
exec .venv/bin/python -m celery -q -A portal.celery beat --loglevel WARNING --pidfile=
