"""The trail on its way to others: read in an order that skips nothing, sent under a lease, at least once.

`following` reads, `messages` says what an entry looks like outside, `syslog` and `webhook` send, and `turns` is who may,
when, and how far each destination got. It only reads what the trail's writers write, and never makes them wait.
"""
