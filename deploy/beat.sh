#!/bin/sh
# Says when periodic tasks are due: `deploy/beat.sh`, exactly one.
set -eu
cd "$(dirname "$0")/.."
exec .venv/bin/python -m celery -q -A portal.celery beat --loglevel WARNING --pidfile=
