"""A mail server that keeps what it is sent."""

import base64
import quopri
import re
import socketserver
import threading
import time
from email import message_from_bytes


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 mailbox")
        recipients: list[str] = []
        while line := self.rfile.readline():
            word = line.decode(errors="replace").strip()
            verb = word[:4].upper()
            if verb == "EHLO":
                self._say("250-mailbox\r\n250 AUTH PLAIN")
            elif verb == "AUTH":
                self.server.proofs.append(base64.b64decode(word.split()[-1]))
                self._say("235 come in")
            elif verb == "RCPT":
                recipients.append(re.search(r"<([^>]*)>", word)[1])
                self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                data = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    data += part
                self.server.keep(recipients, data)
                recipients = []
                self._say("250 ok")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class Mailbox(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.port = self.server_address[1]
        self.proofs: list[bytes] = []
        self.mails: list[tuple[str, bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, recipients: list[str], data: bytes) -> None:
        message = message_from_bytes(data)
        parts = [part.get_payload(decode=True) or b"" for part in message.walk()]
        text = b"\n".join([data, quopri.decodestring(data), *parts])
        self.mails += [(recipient, text) for recipient in recipients]

    def link_for(self, recipient: str, words: str, seconds: float = 120) -> str:
        """The newest link with these words in it that this person was sent."""
        until = time.monotonic() + seconds
        while True:
            for to, text in reversed(self.mails):
                found = re.findall(
                    rf"https://\S*{re.escape(words)}[^\s\"<]*", text.decode(errors="replace")
                )
                if to == recipient and found:
                    return found[0].replace("=\n", "")
            assert time.monotonic() < until, f"{recipient} was sent no {words}"
            time.sleep(0.05)
