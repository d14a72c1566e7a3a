"""The layers that are broken on demand, and what the exception says that they raise."""

PASSWORD = "pa55-of-the-database"
KEY = "gh_AbCdEfGhIjKl_" + "x1Y2z3" * 7 + "abcdefg"
PROVIDER = "sk-proj-canary0123456789"
WORDS = (
    f"could not connect: postgresql://gatehouse:{PASSWORD}@10.1.2.3:5432/portal "
    f"Authorization: Bearer {KEY}; {PROVIDER}"
)
CREDENTIALS = (PASSWORD, KEY, PROVIDER)
LAYERS = (
    "guards.stream.StreamInspector.feed",
    "guards.stream.StreamInspector.finish",
    "projects.ledger.settle",
    "projects.streaming._count",
    "projects.steps.still_allowed",
    "projects.steps.inspect",
    "projects.v1._Chunks._end",
    "projects.answers.as_answer",
    "portal.middleware.is_welcome",
    "portal.views.is_degraded",
    "portal.csp_reports.take",
)
