"""Receives deliveries and verifies them with the package `standardwebhooks` of PyPI: deliveries.py ORIGIN TOKEN."""

import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

origin, token = sys.argv[1:]
deliveries = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        deliveries.put((body, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def call(method, path, body=None):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(origin + path, data, headers, method=method)) as response:
        return json.loads(response.read() or "null")


def received(expected, *secrets):
    """The next delivery is of this type, and each of the secrets verifies it, but not with another body."""
    body, headers = deliveries.get(timeout=60)
    for secret in secrets:
        event = Webhook(secret).verify(body, headers)
        assert event["type"] == expected, event
        try:
            Webhook(secret).verify(body.replace(expected, "other"), headers)
        except WebhookVerificationError:
            continue
        raise AssertionError("a body that was changed is verified")


server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
webhook = call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{server.server_port}/"})
conversation = call("POST", "/v1/conversations", {"contact_id": "bob"})
received("conversation.created", webhook["secret"])
rotated = call("POST", f"/v1/webhooks/{webhook['id']}/rotate", {"grace_period": 60})
call("POST", "/v1/messages", {"conversation_id": conversation["id"], "message": "« é 😀 »"})
received("message.created", webhook["secret"], rotated["secret"])
call("DELETE", f"/v1/webhooks/{webhook['id']}")
