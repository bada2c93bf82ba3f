"""A little OpenID Connect provider on loopback: real HTTP, signed tokens, and it checks its client's side.

Example::

    with provider(subject="42", preferred_username="mia") as one:
        one.address      # the issuer
        one.says["aud"] = "someone-else"
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, CLIENT_SECRET = "cowweb", "the-client's-secret"


class Provider(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, says):
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.key = self.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
        self.says, self.codes = says, {}
        self.names: dict[str, str] | None = None  # what is told apart from the token

    def id_token(self, nonce) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
            **self.says,
        }
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signs_with)


class Answer(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *words):
        pass

    def send(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        at = self.server.address
        url = urlsplit(self.path)
        if url.path == "/.well-known/openid-configuration":
            apart = {} if self.server.names is None else {"userinfo_endpoint": f"{at}/names"}
            self.send(
                {
                    **apart,
                    "issuer": at,
                    "authorization_endpoint": f"{at}/authorize",
                    "token_endpoint": f"{at}/token",
                    "jwks_uri": f"{at}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif url.path == "/names" and self.headers["Authorization"] == "Bearer x":
            self.send(self.server.names)
        elif url.path == "/keys":
            self.send({"keys": [self.server.key.as_dict(private=False)]})
        elif url.path == "/authorize":
            asked = {key: values[0] for key, values in parse_qs(url.query).items()}
            assert asked["client_id"] == CLIENT
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(8)
            self.server.codes[code] = asked
            self.send_response(302)
            self.send_header(
                "Location", asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]})
            )
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = self.server.codes.pop(form["code"][0], None)
        secret = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            self.headers.get("Authorization") != f"Basic {secret}"
            or not asked
            or proof != asked["code_challenge"]
        ):
            self.send({"error": "invalid_grant"}, 400)
            return
        token = self.server.id_token(asked["nonce"])
        self.send({"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token})


@contextmanager
def provider(**says):
    made = Provider(says)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        thread.join(5)
