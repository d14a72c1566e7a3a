"""What production is warned of."""

from django.core.checks import Tags, run_checks


def found():
    return [item.id for item in run_checks(tags=[Tags.database], databases=["default"])]


def test_production_is_warned_of_projects_on_the_offline_provider(cast, settings):
    assert "projects.W001" not in found()
    settings.DEVELOPMENT = False
    assert "projects.W001" in found()


def test_not_of_projects_on_a_real_one(cast, settings, model_server):
    from projects.models import Project
    from tests.cast import connect

    model = connect(cast, model_server)
    settings.DEVELOPMENT = False
    Project.objects.filter(slug="helpdesk").delete()
    assert model.projects.count() == 2
    assert "projects.W001" not in found()
