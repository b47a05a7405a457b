#!/usr/bin/env python3
"""Runs every test of the workspace, suite by suite, two suites at a time: a suite that waits for a server or for a time to
pass leaves its core to the other. What a suite says is shown whole when it ends. All suites run, also after one failed.

    scripts/run_tests.py [--lanes 2] [SUITE...]

A suite is a test binary: `cluster`, `kafka_log`, `carelog_domain`. Cargo builds them; documentation's examples run last.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

# Nothing runs beside these: what they look at is how long something takes.
ALONE = ["cluster", "kafka_log"]
# The longest, first: whatever is left for the end shall be short.
LONG = ["year", "scenario", "event_log", "kill", "homes", "topics_on_kafka", "projections_on_servers", "outages"]


def suites(wanted):
    """Name, program and folder of each test binary, as Cargo says, in the order in which they run."""
    # Many start the program itself, which building the tests does not build.
    if subprocess.run(["cargo", "build", "--workspace", "--bins"]).returncode != 0:
        sys.exit("the program does not build; see above")
    build = ["cargo", "test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]
    built = subprocess.run(build, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit("the tests do not build; see above")
    found = []
    for message in map(json.loads, built.stdout.splitlines()):
        if message["reason"] != "compiler-artifact" or not message["profile"]["test"] or not message["executable"]:
            continue
        target, folder = message["target"], Path(message["manifest_path"]).parent
        name = target["name"] + ("-bin" if "bin" in target["kind"] else "")
        found.append((name, message["executable"], folder))
    unknown = set(wanted) - {name for name, _, _ in found}
    if unknown:
        sys.exit(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(sorted(name for name, _, _ in found))}")
    rank = {name: number for number, name in enumerate(LONG)}
    found = [suite for suite in found if not wanted or suite[0] in wanted]
    return sorted(found, key=lambda suite: (rank.get(suite[0], len(LONG)), suite[0]))


class Run:
    """The suites that have ended, and what is said of them."""

    def __init__(self, logs):
        self.logs, self.lock, self.failed, self.times = logs, threading.Lock(), [], {}

    def suite(self, name, program, folder):
        """One suite, with the folder and the variables that `cargo test` gives it."""
        log, begun = self.logs / f"{name}.log", time.monotonic()
        environment = {**os.environ, "CARGO_MANIFEST_DIR": str(folder)}
        with log.open("wb") as out:
            ended = subprocess.run([program], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        took = time.monotonic() - begun
        with self.lock:
            self.times[name] = took
            print(f"\n     Running {name} ({took:.0f} s)", flush=True)
            sys.stdout.buffer.write(log.read_bytes())
            sys.stdout.flush()
            if ended.returncode != 0:
                self.failed.append(name)
                print(f"error: suite {name} failed ({ended.returncode}); again: scripts/run_tests.py {name}", flush=True)

    def lane(self, waiting):
        """Takes suite after suite until none is left."""
        while True:
            with self.lock:
                if not waiting:
                    return
                suite = waiting.pop(0)
            self.suite(*suite)


def main():
    parser = argparse.ArgumentParser(description="Runs every test of the workspace, two suites at a time.")
    parser.add_argument("--lanes", type=int, default=2, help="suites that run at once (2)")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="only these test binaries")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).resolve().parent.parent)
    logs = Path("target/tests")
    logs.mkdir(parents=True, exist_ok=True)
    run, all_suites = Run(logs), suites(arguments.suites)
    for suite in (suite for suite in all_suites if suite[0] in ALONE):
        run.suite(*suite)
    waiting = [suite for suite in all_suites if suite[0] not in ALONE]
    lanes = [threading.Thread(target=run.lane, args=(waiting,)) for _ in range(arguments.lanes)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    if not arguments.suites and subprocess.run(["cargo", "test", "--workspace", "--doc"]).returncode != 0:
        run.failed.append("documentation")
    # Whatever went wrong with a lane, no suite is passed over in silence.
    run.failed += [f"{name} (did not run)" for name, _, _ in all_suites if name not in run.times]
    longest = sorted(run.times.items(), key=lambda each: -each[1])[:8]
    print(f"\n{len(run.times)} suites; the longest: " + ", ".join(f"{name} {took:.0f} s" for name, took in longest))
    if run.failed:
        sys.exit(f"failed: {', '.join(run.failed)}")


main()
