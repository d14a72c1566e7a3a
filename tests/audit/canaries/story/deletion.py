"""What was made goes again; what the trail says of it stays, and freed space is no hiding place."""

from tests.audit.canaries.canary import Canaries
from tests.audit.canaries.house import House
from tests.audit.canaries.story.cast import Cast
from tests.tooling.installation import shell


def tell(house: House, canaries: Canaries, cast: Cast) -> None:
    admin, member, owner = (one.browser for one in (cast.admin, cast.member, cast.owner))
    page = f"/admin/portal/provider/{cast.made['provider']}/"
    admin.submit(f"{page}change/", forget_secret="on")
    admin.submit(f"{page}delete/", post="yes")
    talk = cast.made["talk in unkept"]
    member.submit(f"/playground/unkept/{talk}/", to="/delete/")
    owner.submit(f"/admin/projects/project/{cast.made['project']}/change/", system_prompt="")
    public = cast.made["key"].split("_")[1]
    member.submit("/account/keys/", to=f"/{public}/revoke/")
    _data_keys(house, canaries)
    _commands(house, cast)


def _data_keys(house: House, canaries: Canaries) -> None:
    """What the ring of the environment wraps: read out of the house itself, by nobody of the story."""
    code = (
        "from portal.models import DataKey\n"
        "print(*(key.wrapped for key in DataKey.objects.filter(destroyed_at=None)), sep='\\n')"
    )
    for key in shell(house.env, code).split():
        canaries.keep("a data key", key)


def _commands(house: House, cast: Cast) -> None:
    for task in (
        "projects.apply_retention",
        "projects.snapshot_permissions",
        "projects.watch_keys",
        "accounts.mail_notices",
        "projects.close_abandoned",
    ):
        house.task(task)
    house.command("rotate_encryption", "--data-keys")
    house.command("export_audit", "--output", str(house.data / "trail.jsonl"))
    house.command("verify_audit")
    house.command("reset_second_factor", "--email", cast.member.email)
