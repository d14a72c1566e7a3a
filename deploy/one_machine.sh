#!/bin/sh
# Gatehouse in production on this machine, nginx, PostgreSQL and Redis included: `deploy/one_machine.sh --help`.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || ./deploy/setup.sh requirements.lock >&2
exec .venv/bin/python -m deploy.one_machine "$@"
