#!/bin/sh
# The web server of a production installation: `deploy/web.sh`, behind a proxy that speaks TLS.
# HOST and PORT choose where it listens, WEB_WORKERS and WEB_THREADS how much it does at a time; a thread carries one
# running answer.
set -eu
cd "$(dirname "$0")/.."
export PORTAL_ENV="${PORTAL_ENV:-production}"
.venv/bin/python -m portal.preflight
# Refuses to serve with a role that gets past row-level security, a key ring that does not fit, or any other error.
# Says something only then: what follows is the log, an object a line.
said=$(.venv/bin/python manage.py check --database default --fail-level ERROR 2>&1) || { echo "$said" >&2; exit 1; }
exec .venv/bin/python -m granian --interface wsgi --no-ws --log-level warning --log-config deploy/web_log.json \
    --host "${HOST:-127.0.0.1}" --port "${PORT:-8000}" \
    --workers "${WEB_WORKERS:-2}" --blocking-threads "${WEB_THREADS:-128}" --backpressure "${WEB_THREADS:-128}" \
    --respawn-failed-workers --workers-kill-timeout 30 \
    portal.wsgi:application
