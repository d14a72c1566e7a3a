"""Somebody's browser, or program: real requests to the web server, each kept with its answer."""

import base64
import http.client
import json
import socket
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

HOST = "portal.example.com"
PROXY = {"Host": HOST, "X-Forwarded-Proto": "https"}


@dataclass
class Exchanged:
    """One request and its answer. `sent` are all bytes of the request that hold something of the person's."""

    who: str
    method: str
    path: str
    sent: bytes
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass
class Form:
    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


class _Forms(HTMLParser):
    """The forms of a page, filled in as the browser would send them untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._select: tuple[str, bool] | None = None
        self._chosen: list[str] = []
        self._first: str | None = None
        self._area: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        if not self.forms:
            return
        form, name = self.forms[-1], given.get("name", "")
        if tag == "input" and name:
            form.names.add(name)
            kind = given.get("type", "text")
            is_switch = kind in ("checkbox", "radio")
            if kind in ("submit", "file", "image", "button") or (
                is_switch and "checked" not in given
            ):
                return
            form.fields.append((name, given.get("value", "on" if is_switch else "")))
        elif tag == "select" and name:
            form.names.add(name)
            self._select, self._chosen, self._first = (name, "multiple" in given), [], None
        elif tag == "option" and self._select:
            value = given.get("value", "")
            self._first = value if self._first is None else self._first
            if "selected" in given:
                self._chosen.append(value)
        elif tag == "textarea" and name:
            form.names.add(name)
            self._area = (name, [])

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            name, many = self._select
            chosen = self._chosen or ([] if many or self._first is None else [self._first])
            self.forms[-1].fields += [(name, value) for value in chosen]
            self._select = None
        elif tag == "textarea" and self._area:
            name, parts = self._area
            self.forms[-1].fields.append((name, "".join(parts).removeprefix("\n")))
            self._area = None


def page_of(text: str) -> _Forms:
    found = _Forms()
    found.feed(text)
    return found


class Browser:
    """`who` names it in the table. `journal` is where every exchange is kept, in order."""

    def __init__(
        self, port: int, who: str, journal: list[Exchanged], address: str = "203.0.113.9"
    ) -> None:
        self.port, self.who, self.journal, self.address = port, who, journal, address
        self.cookies: dict[str, str] = {}
        self.bearer = ""
        self._client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(
        self,
        method: str,
        path: str,
        *,
        form: Any = None,
        data: Any = None,
        body: bytes | str | None = None,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Exchanged:
        """`form` is sent as a page does, `data` as JSON, `body` as it is."""
        sent = {
            **PROXY,
            "X-Forwarded-For": self.address,
            "User-Agent": "Canary/1.0",
            **(headers or {}),
        }
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.bearer and "Authorization" not in sent:
            sent["Authorization"] = f"Bearer {self.bearer}"
        if form is not None:
            body, kind = urlencode(form), "application/x-www-form-urlencoded"
        elif data is not None:
            body = json.dumps(data, ensure_ascii=False)
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            sent["Content-Type"] = kind
        if method not in ("GET", "HEAD"):
            sent["Referer"] = f"https://{HOST}{path}"
            if "gatehouse_csrf" in self.cookies and form is None:
                sent["X-CSRFToken"] = self.cookies["gatehouse_csrf"]
        try:
            self._client.request(method, path, body, sent)
            answer = self._client.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self._client.close()
            self._client.request(method, path, body, sent)
            answer = self._client.getresponse()
        said = answer.read()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, rest = value.partition(";")
                key, _, content = cookie.partition("=")
                if content.strip('"') and "max-age=0" not in rest.lower():
                    self.cookies[key] = content
                else:
                    self.cookies.pop(key, None)
        raw = "\n".join([path, *(f"{name}: {value}" for name, value in sent.items()), ""]).encode()
        made = Exchanged(
            self.who, method, path, raw + (body or b""), answer.status, answer.getheaders(), said
        )
        self.journal.append(made)
        return made

    def get(self, path: str, **more: Any) -> Exchanged:
        return self.ask("GET", path, **more)

    def submit(
        self, path: str, *, to: str = "", expect: tuple[int, ...] = (302,), **fields: Any
    ) -> Exchanged:
        """Opens a page, fills the form that has these fields in, and sends it, as a person does.

        `to` is the end of the form's own address, where several would do. None takes a field out.
        """
        page = self.get(path)
        assert page.status == 200, (path, page.status, page.text[:2000])
        return self.send_form(page, to=to, expect=expect, **fields)

    def send_form(
        self, page: Exchanged, *, to: str = "", expect: tuple[int, ...] = (302,), **fields: Any
    ) -> Exchanged:
        forms = [
            form
            for form in page_of(page.text).forms
            if form.method == "post" and set(fields) <= form.names and form.action.endswith(to)
        ]
        assert forms, (page.path, sorted(fields), [form.names for form in page_of(page.text).forms])
        form = forms[-1] if to else forms[0]
        filled = [(name, value) for name, value in form.fields if name not in fields]
        for name, value in fields.items():
            if value is not None:
                filled += [(name, one) for one in (value if isinstance(value, list) else [value])]
        action = urljoin(page.path, form.action or page.path)
        answer = self.ask("POST", action, form=filled)
        assert answer.status in expect, (action, answer.status, _complaints(answer.text))
        return answer

    def follow(self, answer: Exchanged) -> Exchanged:
        """Goes where it leads, as often as it leads on."""
        for _ in range(5):
            if answer.status not in (301, 302, 303):
                return answer
            parts = urlsplit(urljoin(answer.path, answer.header("Location")))
            answer = self.get(parts.path + (f"?{parts.query}" if parts.query else ""))
        return answer

    def sign_in(self, email: str, password: str, expect: tuple[int, ...] = (302,)) -> Exchanged:
        return self.submit("/account/login/", expect=expect, login=email, password=password)

    def raw(self, data: bytes) -> bytes:
        """Bytes that are no good request; what came back is kept like an answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            said = b""
            while part := client.recv(65536):
                said += part
        self.journal.append(Exchanged(self.who, "RAW", "/", data, 400, [], said))
        return said


def basic(email: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{email}:{password}".encode()).decode()}


def _complaints(text: str) -> str:
    """What a page says is wrong, for who reads the test's failure."""
    at = text.find("errorlist")
    return text[at : at + 600] if at >= 0 else text[:1500]
