"""E-mails of the portal: each as text and as HTML, from the templates under `account/email/`."""

from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


def send(name: str, to: str, context: dict[str, Any]) -> None:
    """Sends `account/email/<name>_{subject.txt,message.txt,message.html}`. Raises what the mail server raises."""
    prefix = f"account/email/{name}"
    subject = " ".join(render_to_string(f"{prefix}_subject.txt", context).split())
    text = render_to_string(f"{prefix}_message.txt", context).strip() + "\n"
    message = EmailMultiAlternatives(subject, text, to=[to])
    message.attach_alternative(render_to_string(f"{prefix}_message.html", context), "text/html")
    message.send()
