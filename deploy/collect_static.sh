#!/bin/sh
# Collects the static files where there are no secrets yet, as while an image is built: `deploy/collect_static.sh`.
# The secrets it starts with are random, are written nowhere and end with it.
set -eu
cd "$(dirname "$0")/.."
random() { .venv/bin/python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'; }
PORTAL_SECRET_KEY=$(random) PORTAL_FERNET_KEYS=$(random) PORTAL_KEY_PEPPER=$(random) PORTAL_AUDIT_SIGNING_KEY=$(random)
export PORTAL_SECRET_KEY PORTAL_FERNET_KEYS PORTAL_KEY_PEPPER PORTAL_AUDIT_SIGNING_KEY
export PORTAL_ENV=production PORTAL_ALLOWED_HOSTS=localhost PORTAL_BASE_URL=https://localhost WEB_WORKERS=1
exec .venv/bin/python manage.py collectstatic --no-input --verbosity 0
