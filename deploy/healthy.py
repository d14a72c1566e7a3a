"""Ends with 0 if the web server of this container or machine answers: `python deploy/healthy.py`."""

import http.client
import os
import sys


def main() -> int:
    host = os.environ.get("PORTAL_ALLOWED_HOSTS", "localhost").split(",")[0]
    client = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=5)
    try:
        client.request("GET", "/healthz", headers={"Host": host})
        return int(client.getresponse().status != 200)
    except (OSError, http.client.HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main())
