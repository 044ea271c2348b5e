#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A proxy between lq and an S3 server that breaks some of the requests, the same ones each time.

    fault_proxy.py PORT-OF-THE-SERVER SEED RATE FAULT...

prints the port that it listens on. With FAULTS_WHILE=FILE in the environment requests are broken only as long as
that file exists. Whether and how a request fails follows from the seed, its method,
its path, and how often it came: not from the order in which requests of several threads arrive.

    503 500       answered instead of the server
    skew          answered as S3 does when the client's clock is off
    reset_before  the connection is reset before the body of the request was read
    reset_after   the same after it, without asking the server
    lost          the server does it, and its answer is lost
    truncate      the answer ends in its middle
    drip          the answer comes byte by byte
    silence       no answer; the connection stays open
    strip         the header If-None-Match does not reach the server (each time, whatever the rate)
"""
import asyncio
import collections
import hashlib
import os
import socket
import struct
import sys

SERVER, SEED, RATE, FAULTS = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4:]
WHILE = os.environ.get("FAULTS_WHILE")
seen = collections.Counter()
random_faults = [fault for fault in FAULTS if fault != "strip"]


def fault_of(method, path):
    """None, or what goes wrong with this request."""
    if WHILE and not os.path.exists(WHILE):
        return None
    key = path.split(b"?")[0] + (b"?list" if b"list-type" in path else b"")
    seen[method, key] += 1
    text = f"{SEED} {method} {key} {seen[method, key]}".encode()
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
    if not random_faults or number % 10**6 >= RATE * 10**6:
        return None
    return random_faults[number // 10**6 % len(random_faults)]


def error(status, code):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    return (f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


ANSWERS = {"503": error(503, "SlowDown"), "500": error(500, "InternalError"),
           "skew": error(403, "RequestTimeTooSkewed")}


def reset(writer):
    """Close with RST in place of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.close()


def header(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def without(head, *names):
    lines = head[:-4].split(b"\r\n")
    return b"\r\n".join([lines[0]] + [line for line in lines[1:]
                                      if line.partition(b":")[0].strip().lower() not in names])


async def ask_server(head, body):
    reader, writer = await asyncio.open_connection("127.0.0.1", SERVER)
    drop = (b"if-none-match",) if "strip" in FAULTS else ()
    writer.write(without(head, b"connection", b"expect", *drop) +
                 b"\r\nConnection: close\r\n\r\n" + body)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def one_request(reader, writer):
    """False when the connection is done with."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, path = head.split(b" ", 2)[:2]
    fault = fault_of(method, path)
    if fault == "reset_before":
        reset(writer)
        return False
    if header(head, b"expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(header(head, b"content-length") or 0))
    if fault == "reset_after":
        reset(writer)
        return False
    if fault in ANSWERS:
        writer.write(ANSWERS[fault])
        await writer.drain()
        return True
    if fault == "silence":
        await asyncio.sleep(3600)
    answer = await ask_server(head, body)
    if fault == "lost":
        writer.close()
        return False
    if fault == "truncate":
        answer = answer[:max(1, len(answer) // 2)]
    if fault == "drip":
        for at in range(len(answer)):
            writer.write(answer[at:at + 1])
            await writer.drain()
            await asyncio.sleep(0.0005)
    else:
        writer.write(answer)
    await writer.drain()
    # The server's answer may have no length: it ends with the connection.
    writer.close()
    return False


async def serve(reader, writer):
    try:
        while await one_request(reader, writer):
            pass
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 26, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
