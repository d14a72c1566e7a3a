#!/bin/sh
# Says when periodic tasks are due: `deploy/beat.sh`, exactly one.
set -eu
cd "$(dirname "$0")/.."
export PORTAL_ENV="${PORTAL_ENV:-production}"
.venv/bin/python -m portal.preflight
# Refuses to work with a role that gets past row-level security, a key ring that does not fit, or any other error.
.venv/bin/python manage.py check --database default --fail-level ERROR
exec .venv/bin/python -m celery -q -A portal.celery beat --loglevel WARNING --pidfile=
