#!/usr/bin/env python3
"""Compares the read models in an SQLite file with those in a PostgreSQL schema, cell by cell.

Usage: compare_homes.py FILE URL [--schema NAME] [--aside TABLE.COLUMN ...]

Shares no code with Carelog: the file is read by Python's sqlite3, the database by psql. Every view of the file must be in
the schema with the same columns, and every row, found by its table's primary key, with the same cells. What a run's wall
clock or order decides can be left aside by name. Prints the first differences and ends with 1 if there are any.
"""

import argparse
import re
import sqlite3
import subprocess
import sys

SHOWN_MAX = 20
# The one view that is joined of two tables; it says how far a home has come, which is no answer.
NOT_COMPARED = {"layout_checkpoints"}
# What a key may show of itself: ids, numbers, dates. The words of names are personal.
PLAIN = re.compile(r"[0-9a-f-]{36}|-?[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The layout of the read models is part of the names of their views; two homes of one program have the same.
LAYOUT = re.compile(r"__[0-9a-f]{8}$")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def psql(url, sql):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cell_of_copy(text):
    r"""A cell of COPY's text format: backslash sequences, and \\N for NULL."""
    if text == r"\N":
        return None
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), text)


def cell_of_sqlite(value):
    """The same value as COPY writes it."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return None if value is None else str(value)


def views_of_sqlite(file):
    """Each view with its columns, and the columns of its table's primary key."""
    views = {}
    for name, sql in file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"):
        if name in NOT_COMPARED:
            continue
        if any(LAYOUT.sub("", other) == LAYOUT.sub("", name) for other in views):
            raise SystemExit(f"{LAYOUT.sub('', name)} is there in two layouts; prune what another version left")
        table = re.search(r" FROM (\w+)$", sql)[1]
        key = [(place, column) for _, column, _, _, _, place in file.execute(f"PRAGMA table_info({table})") if place]
        columns = [column for _, column, *_ in file.execute(f"PRAGMA table_info({name})")]
        views[name] = (columns, [column for _, column in sorted(key)])
    return views


def views_of_postgres(url, schema):
    listed = psql(
        url,
        "COPY (SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.views "
        f"USING (table_schema, table_name) WHERE table_schema = '{schema}' ORDER BY table_name, ordinal_position) TO STDOUT",
    )
    views = {}
    for line in listed.splitlines():
        name, column = line.split("\t")
        views.setdefault(name, []).append(column)
    return {name: columns for name, columns in views.items() if name not in NOT_COMPARED}


def rows(columns, key, lines):
    found = {}
    for cells in lines:
        row = dict(zip(columns, cells))
        place = tuple(row[column] for column in key)
        if place in found:
            raise SystemExit(f"the key {place} is there twice")
        found[place] = row
    return found


def differences(table, columns, here, there, aside):
    for place in sorted(here.keys() | there.keys()):
        shown = " ".join([table, *(part if PLAIN.fullmatch(part) else "..." for part in place)])
        if place not in there:
            yield f"{shown}: only in SQLite"
        elif place not in here:
            yield f"{shown}: only in PostgreSQL"
        else:
            for column in columns:
                if here[place][column] != there[place][column] and f"{table}.{column}" not in aside:
                    yield f"{shown}: {column} differs"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file")
    parser.add_argument("url")
    parser.add_argument("--schema", default="carelog")
    parser.add_argument("--aside", nargs="*", default=[])
    said = parser.parse_args()
    file = sqlite3.connect(f"file:{said.file}?mode=ro", uri=True)
    views, others = views_of_sqlite(file), views_of_postgres(said.url, said.schema)
    if not views or {name: columns for name, (columns, _) in views.items()} != others:
        print(f"the homes hold other tables: {sorted(views)} and {sorted(others)}")
        return 1
    found, cells = [], 0
    for view, (columns, key) in views.items():
        select = f"SELECT {', '.join(columns)} FROM"
        here = rows(columns, key, ([cell_of_sqlite(cell) for cell in row] for row in file.execute(f"{select} {view}")))
        copied = psql(said.url, f"COPY ({select} {said.schema}.{view}) TO STDOUT").split("\n")[:-1]
        there = rows(columns, key, ([cell_of_copy(cell) for cell in line.split("\t")] for line in copied))
        cells += len(here) * len(columns)
        found.extend(differences(LAYOUT.sub("", view), columns, here, there, set(said.aside)))
    for line in found[:SHOWN_MAX]:
        print(line)
    print(f"{len(found)} differences in {len(views)} tables, {cells} cells")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
