#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a form sent, with the size and the SHA-256 of each file."""

import email
import email.policy
import hashlib
import html
import os
import sys
import urllib.parse

LIMIT = 64 << 20


def fields():
    """(name, file name or None, content) of each field of the form."""
    kind = os.environ.get("CONTENT_TYPE", "")
    body = sys.stdin.buffer.read(LIMIT + 1)
    if len(body) > LIMIT:
        yield "error", None, b"more than 64 MiB"
    elif kind.startswith("multipart/form-data"):
        head = b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n"
        message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        for part in message.iter_parts() if message.is_multipart() else ():
            name = part.get_param("name", "", header="content-disposition")
            yield name, part.get_filename(), part.get_payload(decode=True) or b""
    else:
        for name, value in urllib.parse.parse_qsl(body.decode("utf-8", "replace")):
            yield name, None, value.encode()


def main():
    if os.environ.get("REQUEST_METHOD") != "POST":
        sys.stdout.write("Status: 405 Method Not Allowed\r\nAllow: POST\r\n")
        sys.stdout.write("Content-Type: text/plain\r\n\r\nSend me a form: POST.\n")
        return
    sys.stdout.write("Content-Type: text/html; charset=utf-8\r\n\r\n")
    sys.stdout.write("<!DOCTYPE html><title>What you sent</title><h1>What you sent</h1>\n<dl>\n")
    for name, file, content in fields():
        if file is None:
            shown = content[:1000].decode("utf-8", "replace")
        else:
            digest = hashlib.sha256(content).hexdigest()
            shown = f"{file}: {len(content)} bytes, SHA-256 {digest}"
        sys.stdout.write(f"<dt>{html.escape(str(name))}</dt><dd>{html.escape(shown)}</dd>\n")
    sys.stdout.write("</dl>\n")


if __name__ == "__main__":
    main()
