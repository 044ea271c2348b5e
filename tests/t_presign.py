#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Signed URLs are those that botocore makes of the same input: TAP."""
import datetime
import itertools
import os
import random
import shutil
import subprocess
import sys
import urllib.parse

try:
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
except ImportError:
    # It is in the environment of moto, which comes from there.
    server = shutil.which("moto_server")
    python = server and os.path.join(os.path.dirname(server), "python3")
    if python and not os.environ.get("LQ_PRESIGN_AGAIN"):
        os.execve(python, [python, *sys.argv], {**os.environ, "LQ_PRESIGN_AGAIN": "1"})
    print("1..1\nok 1 - presign # SKIP no botocore")
    sys.exit(0)

PRESIGN = sys.argv[1]
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = ["a", "lq/namespace=acme/project=rocket/hostname=h~20x/date=2026-01-02/source=run/001_b.parquet",
        "a b+c%20&d=e", "x'y\"z;,:@!$()*[]{}|\\^`<>", "ünï/日本", "~._-", "a//b", "#?&"]
TOKENS = [None, "FwoGZXIvYXdzE//+=&?x"]


def theirs(method, host, scheme, path, when, expires, token, headers):
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: when.replace(tzinfo=None)
    quoted = urllib.parse.quote(path, safe="/~")
    request = botocore.awsrequest.AWSRequest(method=method, url=f"{scheme}://{host}/{quoted}",
                                             headers=dict(headers))
    credentials = botocore.credentials.Credentials("AKIDEXAMPLE", SECRET, token)
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", "eu-west-1", expires=expires).add_auth(request)
    return request.url


def parts(url):
    """Path and query as a set: their order within the query does not matter."""
    path, _, query = url.partition("?")
    return path, sorted(query.split("&"))


rng = random.Random(1)
number = bad = 0
for key, token, method, bucket in itertools.product(KEYS, TOKENS, ("GET", "PUT"),
                                                    ("bucket", "my.bucket")):
    when = datetime.datetime.fromtimestamp(rng.randrange(10**9, 2 * 10**9), datetime.timezone.utc)
    expires = rng.randrange(1, 604800)
    headers = [("if-none-match", "*")] if method == "PUT" else []
    endpoint = rng.choice([None, "http://127.0.0.1:7070", "https://s3.example:8443"])
    env = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET,
           "AWS_REGION": "eu-west-1"}
    if token:
        env["AWS_SESSION_TOKEN"] = token
    if endpoint:
        env["AWS_ENDPOINT_URL"] = endpoint
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    ours = subprocess.run([PRESIGN, method, bucket, key, when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                           str(expires), *itertools.chain(*headers)], env=env, check=True,
                          capture_output=True, text=True).stdout.strip()
    scheme, _, host = (endpoint or "https://s3.eu-west-1.amazonaws.com").partition("://")
    path = key
    if endpoint or "." in bucket:
        path = f"{bucket}/{key}"
    else:
        host = f"{bucket}.{host}"
    want = theirs(method, host, scheme, path, when, expires, token, headers)
    number += 1
    good = parts(ours) == parts(want)
    bad |= not good
    print(f"{'' if good else 'not '}ok {number} - {method} {bucket} {key!r}".replace("#", "\\#"))
    if not good:
        print(f"# ours:   {ours}\n# theirs: {want}")
print(f"1..{number}")
sys.exit(bad)
