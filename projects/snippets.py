"""How to ask a project from a program: short programs that work as they stand, with the key in the environment."""

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from portal.markdown import render
from projects.models import Project

QUESTION = "Say hello in one sentence."


@dataclass(frozen=True, slots=True)
class Snippet:
    """`language` is Pygments' name of it; `file` how the program could be called."""

    slug: str
    title: str
    words: str
    language: str
    file: str
    code: str

    @property
    def html(self) -> SafeString:
        return render(f"```{self.language}\n{self.code}```")


def snippets(project: Project, base_url: str) -> list[Snippet]:
    """For this project at the portal's address `base_url`, which ends without a slash."""
    fill = {"base": base_url, "slug": project.slug, "question": QUESTION}
    return [
        Snippet(slug, str(title), str(words), language, file, _filled(code, fill))
        for slug, title, words, language, file, code in (
            (
                "curl",
                _("Command line"),
                _(
                    "The OpenAI-compatible endpoint; add “-N” and "
                    '“"stream": true” to see the answer as it is written.'
                ),
                "bash",
                "ask.sh",
                CURL,
            ),
            (
                "openai",
                _("Python, with the OpenAI client"),
                _("What was written for OpenAI needs two changes: the address and the key."),
                "python",
                "ask_openai.py",
                OPENAI,
            ),
            (
                "requests",
                _("Python, with requests"),
                _("The portal's own endpoint, which also keeps the conversation."),
                "python",
                "ask_requests.py",
                REQUESTS,
            ),
            (
                "javascript",
                _("JavaScript"),
                _("For Node.js 18 and later. A key belongs on a server, never into a web page."),
                "javascript",
                "ask.mjs",
                JAVASCRIPT,
            ),
        )
    ]


def _filled(code: str, fill: dict[str, str]) -> str:
    for name, value in fill.items():
        code = code.replace(f"<<{name}>>", value)
    return code


CURL = """\
curl --silent --show-error --fail-with-body "<<base>>/v1/chat/completions" \\
  --header "Authorization: Bearer $GATEHOUSE_KEY" \\
  --header "Content-Type: application/json" \\
  --data '{"model": "<<slug>>", "messages": [{"role": "user", "content": "<<question>>"}]}'
"""

OPENAI = """\
import os

from openai import OpenAI

client = OpenAI(base_url="<<base>>/v1", api_key=os.environ["GATEHOUSE_KEY"])
stream = client.chat.completions.create(
    model="<<slug>>",
    messages=[{"role": "user", "content": "<<question>>"}],
    stream=True,
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
"""

REQUESTS = """\
import os

import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["GATEHOUSE_KEY"]


def ask(message, conversation=None):
    response = session.post(
        "<<base>>/api/projects/<<slug>>/chat/",
        json={"message": message, "conversation": conversation},
        timeout=120,
    )
    response.raise_for_status()
    return response.json()


first = ask("<<question>>")
print(first["answer"])
if first["guard"]:
    print("A guard stepped in:", first["guard"]["action"], first["guard"]["guards"])
print(ask("And once more, please.", first["conversation"])["answer"])
"""

JAVASCRIPT = """\
const response = await fetch("<<base>>/v1/chat/completions", {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.GATEHOUSE_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    model: "<<slug>>",
    messages: [{ role: "user", content: "<<question>>" }],
  }),
});
const answer = await response.json();
if (!response.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
console.log(answer.choices[0].message.content);
"""
