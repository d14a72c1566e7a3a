"""Archiving, bringing back and deleting in the console: each after a page that says in words what goes and what stays."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from portal.console_navigation import Tool


@dataclass(frozen=True, slots=True)
class Removal:
    """One deed of a page: `do(by, row)` does it, the rest are its words. `typed` is what must be typed before it.

    `goes` and `stays` give sentences with counts: they are asked where they are shown.
    """

    title: Any
    intro: Any
    button: Any
    done: Any
    do: Callable[[Any, Any], None]
    goes: Callable[[], list[str]] = list
    stays: Callable[[], list[str]] = list
    typed: str = ""
    is_danger: bool = False


class TypedForm(forms.Form):
    """Asks for a name as it is written on the page, so that nobody deletes the wrong thing."""

    name = forms.CharField(label=_("Its name"), max_length=200)

    def __init__(self, wanted: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.wanted = wanted
        self.fields["name"].help_text = _("Type “%(name)s”.") % {"name": wanted}
        self.fields["name"].widget.attrs["autocomplete"] = "off"

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self.wanted:
            raise forms.ValidationError(_("This is not its name."))
        return self.cleaned_data["name"]


class RemovalMixin:
    """For a `ConsoleModelAdmin`. The page names its deeds in `removals`, and who may in `may_remove`."""

    admin_site: Any
    opts: Any
    deletes_in_bulk = False

    def removals(self, obj: Any) -> dict[str, Removal]:
        """By verb: *archive*, *unarchive* and *delete*, those that are possible now."""
        raise NotImplementedError

    def may_remove(self, request: HttpRequest, verb: str, obj: Any) -> bool:
        raise NotImplementedError

    def before_removal(self, request: HttpRequest, verb: str, obj: Any) -> None:
        """Raises where who asks has to prove who they are first."""

    def get_urls(self) -> list[Any]:
        label = f"{self.opts.app_label}_{self.opts.model_name}"
        pages = [
            path(
                f"<path:object_id>/{verb}/",
                self.admin_site.admin_view(partial(self.removal_view, verb)),
                name=f"{label}_{verb}",
            )
            for verb in ("archive", "unarchive")
        ]
        return [*pages, *super().get_urls()]  # type: ignore[misc]

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        return self.removal_view("delete", request, object_id)

    def removal_view(self, verb: str, request: HttpRequest, object_id: str) -> HttpResponse:
        """404 for what one does not see, 403 for what one may not do; what is done already leads back."""
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if not self.may_remove(request, verb, obj):
            raise PermissionDenied
        found = self.removals(obj).get(verb)
        if found is None:
            return HttpResponseRedirect(self._page_of(obj))
        form = None
        if found.typed:
            form = TypedForm(found.typed, request.POST if request.method == "POST" else None)
        if request.method == "POST" and (form is None or form.is_valid()):
            self.before_removal(request, verb, obj)
            return self._removed(request, verb, obj, found)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": found.title,
            "crumb": found.button,
            "removal": found,
            "form": form,
            "back": self._page_of(obj),
        }
        status = 422 if form is not None and form.is_bound else 200
        return TemplateResponse(request, "admin/removal.html", context, status=status)

    def _removed(self, request: HttpRequest, verb: str, obj: Any, found: Removal) -> HttpResponse:
        leads_to = self._page_of(obj)
        found.do(request.user, obj)
        messages.success(request, found.done)
        rows = self.get_queryset(request)  # type: ignore[attr-defined]
        if verb == "delete" or not rows.filter(pk=obj.pk).exists():
            leads_to = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return HttpResponseRedirect(leads_to)

    def _page_of(self, obj: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[obj.pk])

    def removal_tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        """Archiving or bringing back; deletion has its place below the form."""
        label = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return [
            Tool(found.button, reverse(f"{label}_{verb}", args=[obj.pk]))
            for verb, found in self.removals(obj).items()
            if verb != "delete" and self.may_remove(request, verb, obj)
        ]
