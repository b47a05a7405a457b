#!/usr/bin/env python3
"""Compares documents in sled with those in a DynamoDB table, cell by cell.

Usage: compare_documents.py EXPORT TABLE [--aside FIELD ...]

Shares no code with Carelog, nor with AWS's SDK: EXPORT holds sled's entries as they are (a line `KEY VALUE` each, in hex),
the table is read over plain HTTP at AWS_ENDPOINT_URL_DYNAMODB, signed by hand. Compared are patients' charts: every item of
one home must be in the other, with the same fields, down to the leaves. From which place in the log an item was written is
left aside, and so are fields given by name. Prints the first differences and ends with 1 if there are any.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import sys
import urllib.request
import zlib
from urllib.parse import urlsplit

SHOWN_MAX = 20
# A patient's chart, in whichever of the two sets of its layout is live; the names below are of both homes.
CHART = re.compile(r"chart__[0-9a-f]{8}_[ab]#")
ITEM = 1


def item_of_sled(line):
    """(partition key, sort key), position and body: a NUL between keys; a kind, 2 and 8 bytes of position, JSON."""
    key, value = (bytes.fromhex(part) for part in line.split())
    partition_key, sort_key = key.split(b"\0", 1)
    body = json.loads(value[11:]) if value[0] == ITEM else None
    return (partition_key.decode(), sort_key.decode()), body


def documents_of_sled(path):
    with open(path, encoding="ascii") as lines:
        return dict(item_of_sled(line) for line in lines)


def signature(secret, date, region, text):
    key = ("AWS4" + secret).encode()
    for part in (date, region, "dynamodb", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def ask(operation, asked):
    """One request of DynamoDB's, with Signature Version 4."""
    url, region = os.environ["AWS_ENDPOINT_URL_DYNAMODB"], os.environ["AWS_REGION"]
    body = json.dumps(asked).encode()
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": urlsplit(url).netloc,
        "x-amz-date": now,
        "x-amz-target": f"DynamoDB_20120810.{operation}",
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{now[:8]}/{region}/dynamodb/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signed = signature(os.environ["AWS_SECRET_ACCESS_KEY"], now[:8], region, text)
    credential = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signed}"
    request = urllib.request.Request(url, body, headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)


def scan(table):
    asked = {"TableName": table, "ConsistentRead": True}
    while True:
        page = ask("Scan", asked)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def documents_of_dynamodb(table):
    """Bodies are JSON in zlib, in the item or in parts beside it; without either an item is a tombstone."""
    items, parts = {}, {}
    for stored in scan(table):
        key = stored["pk"]["S"], stored["sk"]["S"]
        if key[1].startswith("#part#"):
            _, _, owner, position, writing, number = key[1].split("#")
            parts[key[0], owner, writing, int(number)] = base64.b64decode(stored["b"]["B"])
        elif not key[0].startswith("#"):
            items[key] = stored
    found = {}
    for key, stored in items.items():
        if "b" in stored:
            packed = base64.b64decode(stored["b"]["B"])
        elif "n" in stored:
            owner = hashlib.sha256(key[1].encode()).hexdigest()[:32]
            packed = b"".join(parts[key[0], owner, stored["w"]["S"], n] for n in range(int(stored["n"]["N"])))
        else:
            found[key] = None
            continue
        found[key] = json.loads(zlib.decompress(packed))
    return found


def leaves(value, path=""):
    """Every cell of a body, by its path; an empty list or object is one as well."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{place}]")
    else:
        # A number is what its digits say: 1 and 1.0 are two.
        yield path, json.dumps(value)


def charts(documents):
    return {key: body for key, body in documents.items() if CHART.match(key[0])}


def differences(here, there, aside):
    for key in sorted(here.keys() | there.keys()):
        shown = " ".join(key)
        if key not in there:
            yield f"{shown}: only in sled"
        elif key not in here:
            yield f"{shown}: only in DynamoDB"
        elif (here[key] is None) != (there[key] is None):
            yield f"{shown}: deleted in one of them"
        else:
            cells, others = dict(leaves(here[key])), dict(leaves(there[key]))
            for path in sorted(cells.keys() | others.keys()):
                if path.split(".")[-1] not in aside and cells.get(path) != others.get(path):
                    yield f"{shown}: {path} differs"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("export")
    parser.add_argument("table")
    parser.add_argument("--aside", nargs="*", default=[])
    said = parser.parse_args()
    here, there = charts(documents_of_sled(said.export)), charts(documents_of_dynamodb(said.table))
    if not here:
        print("there is no chart to compare")
        return 1
    found = list(differences(here, there, set(said.aside)))
    for line in found[:SHOWN_MAX]:
        print(line)
    cells = sum(len(list(leaves(body))) for body in here.values())
    print(f"{len(found)} differences in {len(here)} documents, {cells} cells")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
