#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""AWS's token service, as far as AssumeRoleWithWebIdentity goes, for a test: HTTPS on port 443.

    sts.py CERTIFICATE KEY TOKEN-FILE ROLE-ARN

gives the keys of tests/cli/s3.sh to whoever shows that token for that role, and refuses all others. A session token
comes with them only for the session (AWS_ROLE_SESSION_NAME) "with-token": versitygw knows none. It prints a line for
each request: its status.
"""
import datetime
import http.server
import pathlib
import ssl
import sys
import urllib.parse

CERTIFICATE, KEY, TOKEN_FILE, ROLE_ARN = sys.argv[1:]
KEYS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ROOTKEY</AccessKeyId>
<SecretAccessKey>rootsecret</SecretAccessKey><SessionToken>{}</SessionToken>
<Expiration>{:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>InvalidIdentityToken</Code><Message>not a token for this role</Message></Error></ErrorResponse>"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = {**dict(urllib.parse.parse_qsl(form)),
                 **dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))}
        good = (asked.get("Action") == "AssumeRoleWithWebIdentity" and asked.get("RoleArn") == ROLE_ARN and
                asked.get("WebIdentityToken") == pathlib.Path(TOKEN_FILE).read_text())
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        session = "secretsession" if asked.get("RoleSessionName") == "with-token" else ""
        body = KEYS.format(session, end) if good else REFUSAL
        print(200 if good else 400, flush=True)
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = http.server.ThreadingHTTPServer(("", 443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
