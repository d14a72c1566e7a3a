"""What beat says is due, and how often, in seconds."""

from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    "close abandoned exchanges": {"task": "projects.close_abandoned", "schedule": 60.0},
    "seal the trail": {"task": "audit.seal", "schedule": 60.0},
    "apply retention": {"task": "portal.apply_retention", "schedule": 3600.0},
    "clear old CSP reports": {"task": "portal.clear_csp_reports", "schedule": 86400.0},
    "clear limit buckets": {"task": "portal.clear_buckets", "schedule": 3600.0},
    "clear expired sessions": {"task": "accounts.clear_sessions", "schedule": 3600.0},
    # Each night: the first of the day stores it, the others find it there, so that none is missed.
    "snapshot permissions": {"task": "projects.snapshot_permissions", "schedule": 3600.0},
    "watch keys": {"task": "projects.watch_keys", "schedule": 3600.0},
    "end overdue impersonations": {"task": "accounts.end_impersonations", "schedule": 60.0},
    "expire pending changes": {"task": "accounts.expire_changes", "schedule": 3600.0},
    # What is not begun by the next time is begun then.
    "forward the trail": {
        "task": "audit.forward",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "mail notices": {"task": "accounts.mail_notices", "schedule": 15.0},
}
