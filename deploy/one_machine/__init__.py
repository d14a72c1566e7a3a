"""Gatehouse in production on one machine: nginx with TLS, the web server, worker, beat, PostgreSQL and Redis.

Nothing but the standard library, the system's programs and `openssl`; `python -m deploy.one_machine --help`.
"""
