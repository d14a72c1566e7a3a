"""TLS towards a receiver: whom we trust, who we are; keys and authorities never lie in a file of the disk."""

import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import certifi

from audit.destinations import Destination


def context_for(destination: Destination) -> ssl.SSLContext:
    """Verifies the receiver's certificate and name, by the destination's own authority where it has one.

    Raises `Unreadable` for a client key that cannot be opened, and `ssl.SSLError` for one that does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if destination.ca_certificate.strip():
        context.load_verify_locations(cadata=destination.ca_certificate)
    else:
        context.load_verify_locations(cafile=certifi.where())
    if destination.client_certificate.strip():
        with in_memory(destination.client_certificate, destination.client_key) as (chain, key):
            context.load_cert_chain(chain, key)
    return context


@contextmanager
def in_memory(*texts: str) -> Iterator[list[str]]:
    """Names under which this process finds the texts as files, as long as the block lasts; the disk never sees them."""
    with ExitStack() as stack:
        found = []
        for text in texts:
            number = os.memfd_create("gatehouse", os.MFD_CLOEXEC)
            stack.callback(os.close, number)
            os.write(number, text.encode())
            found.append(f"/proc/self/fd/{number}")
        yield found
