"""Prepares the portal's database for a benchmark: one guarded project on the upstream, and a key. Prints the key.

Run as `python -m tests.bench.setup` with the portal's environment and BENCH_UPSTREAM.
"""

import os
import sys
from decimal import Decimal

import django


def main() -> None:
    django.setup()
    from accounts.actions import create_key
    from accounts.models import User
    from guards.defaults import ensure_default_guards
    from portal.models import Model, Provider
    from projects.models import Project, ProjectGuard
    from teams.models import Grant, Membership, Team

    user = User.objects.create(email="bench@example.com")
    team = Team.objects.create(slug="bench", name="Bench")
    Membership.objects.create(team=team, user=user, role="owner")
    provider = Provider(
        slug="bench", name="Bench", kind="openai", base_url=os.environ["BENCH_UPSTREAM"]
    )
    provider.set_secret("sk-bench-0123456789")
    provider.save()
    model = Model.objects.create(
        provider=provider,
        name="mock-model",
        input_price_per_million=Decimal(1),
        output_price_per_million=Decimal(2),
    )
    Grant.objects.create(team=team, model=model)
    project = Project.objects.create(
        slug="bench",
        name="Bench",
        team=team,
        model=model,
        rate_limit_per_minute=1_000_000,
        monthly_budget=Decimal(1_000_000),
    )
    guards = {guard.slug: guard for guard in ensure_default_guards()}
    for slug, stage in (
        ("personal-data", "input"),
        ("prompt-injection", "input"),
        ("secrets", "output"),
    ):
        ProjectGuard.objects.create(project=project, guard=guards[slug], stage=stage)
    _key, plaintext = create_key(by=user, user=user, name="bench", requests_per_second=100_000)
    sys.stdout.write(plaintext)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    main()
