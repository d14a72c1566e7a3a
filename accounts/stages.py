"""Between the first factor, whatever it was, and the session: until this stage is passed nobody is signed in."""

from allauth.account.stages import LoginStage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import factor_actions, second_factor
from portal.context import Actor, acting


class SecondFactorStage(LoginStage):
    """Leads who has a second factor to where its code is asked, and who must have one to where it is set up.

    A first factor that was proved before the person's password or factor changed proves nothing any more.
    """

    key = "second_factor"
    urlname = "account_second_factor_verify"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        has_one = second_factor.has(user)
        if not has_one and not second_factor.is_required(user):
            return None, True
        # Whoever planted this session's cookie in the browser does not share what was proved in it.
        self.request.session.cycle_key()
        self.state["epoch"] = user.session_epoch
        door = self.urlname
        if not has_one:
            door = "account_second_factor_enrol"
            with acting(Actor("user", str(user.pk), user.email)):
                self.state["device"] = factor_actions.enrol(by=user, user=user).uid
        return HttpResponseRedirect(reverse(door)), True

    def is_resumable(self, request: HttpRequest) -> bool:
        """The sign-in page is always for signing in anew, as whomever."""
        return False

    @property
    def holds(self) -> bool:
        user = self.login.user
        return bool(
            user is not None and user.is_active and self.state.get("epoch") == user.session_epoch
        )
