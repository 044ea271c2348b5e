#!/usr/bin/env python3
"""The official Python SDK against `lq serve`: mcp_client.py MODE QUESTION...

MODE is legacy (the initialize handshake) or auto (revision 2026-07-28). Each QUESTION is METHOD or
METHOD JSON, as `call_tool {"name": "errors", "arguments": {}}`; its answer is printed as one line of
JSON, an error as {"error": CODE, "message": TEXT}. The first line is the version agreed on. Questions
are asked one after the other, or all at once with --at-once in front; --serve-with WORDS are handed to
`lq serve`.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError


async def ask(client, question):
    method, _, arguments = question.partition(" ")
    try:
        answer = await getattr(client, method)(**json.loads(arguments or "{}"))
    except MCPError as error:
        return {"error": error.code, "message": error.message}
    return json.loads(answer.model_dump_json(by_alias=True, exclude_none=True))


async def main(mode, words, questions, at_once):
    async with Client(StdioServerParameters(command="lq", args=["serve", *words]), mode=mode) as client:
        print(client.protocol_version)
        if at_once:
            answers = await asyncio.gather(*(ask(client, question) for question in questions))
        else:
            answers = [await ask(client, question) for question in questions]
        for answer in answers:
            print(json.dumps(answer))


mode, *rest = sys.argv[1:]
words = []
at_once = "--at-once" in rest
if at_once:
    rest.remove("--at-once")
if "--serve-with" in rest:
    at = rest.index("--serve-with")
    words = rest[at + 1].split()
    del rest[at : at + 2]
asyncio.run(main(mode, words, rest, at_once))
