#!/usr/bin/env python3
"""Makes the years of three practitioners of one hospital with medscheduler, and the clinic.toml that names them.

    make_data.py FOLDER [--ref-date 2024-12-01 | --around-today] [--only cardiology ...]

Each practitioner's year is made in a process of its own, by a call of `to_csv` alone: calling `generate` before it
gives other rows. The same ref date and seeds give the same bytes. A folder that is complete is left as it is.
"""

import argparse
import datetime
import hashlib
import importlib.metadata
import pathlib
import shutil
import subprocess
import sys

PRACTITIONERS = [
    {"folder": "cardiology", "name": "Dr. Amara Okafor", "specialty": "cardiology", "seed": 1,
     "service": "CARD-VISIT", "display": "Cardiology consultation", "price": "120.00"},
    {"folder": "dermatology", "name": "Dr. Bruno Keller", "specialty": "dermatology", "seed": 2,
     "service": "DERM-VISIT", "display": "Dermatology consultation", "price": "95.00"},
    {"folder": "general-practice", "name": "Dr. Chen Li", "specialty": "general-practice", "seed": 3,
     "service": "GP-VISIT", "display": "General practice consultation", "price": "60.50"},
]
FILES = ["slots.csv", "patients.csv", "appointments.csv"]
PACKAGES = ["medscheduler", "pandas", "numpy", "Faker"]
DAYS_AFTER_REF = 30
DAYS_BEFORE_REF = 335


def generate(folder: pathlib.Path, seed: int, ref_date: datetime.date) -> None:
    """One practitioner's year, in this process."""
    from medscheduler import AppointmentScheduler

    ref = datetime.datetime.combine(ref_date, datetime.time())
    if ref_date == datetime.date(2024, 12, 1):
        ranges = [(datetime.datetime(2024, 1, 1), datetime.datetime(2024, 12, 31, 23, 59))]
    else:
        first = ref - datetime.timedelta(days=DAYS_BEFORE_REF)
        last = ref + datetime.timedelta(days=DAYS_AFTER_REF, hours=23, minutes=59)
        ranges = [(first, last)]
    scheduler = AppointmentScheduler(date_ranges=ranges, ref_date=ref, seed=seed)
    paths = {f"{name.removesuffix('.csv')}_path": folder / name for name in FILES}
    scheduler.to_csv(**paths)


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def clinic_toml(folder: pathlib.Path, ref_date: datetime.date, chosen: list[dict]) -> str:
    """What `carelog import` reads first."""
    versions = ", ".join(f'{name} = "{importlib.metadata.version(name)}"' for name in PACKAGES)
    lines = [
        "# Made by scripts/make_data.py. Change nothing here: an import refuses files whose hashes differ.",
        f'manifest = "riverside-{ref_date}"',
        f"ref_date = {ref_date}",
        f"versions = {{ {versions} }}",
        "",
        "[hospital]",
        'name = "Riverside Clinic"',
        'zone = "Europe/London"',
        'currency = "GBP"',
        "grace_minutes = 30",
    ]
    for each in chosen:
        hashes = ", ".join(f'"{name}" = "{sha256(folder / each["folder"] / name)}"' for name in FILES)
        lines += [
            "",
            "[[practitioner]]",
            f'folder = "{each["folder"]}"',
            f'name = "{each["name"]}"',
            f'specialty = "{each["specialty"]}"',
            f"seed = {each['seed']}",
            "weekdays = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\"]",
            'start = "08:00"',
            'end = "18:00"',
            "slot_minutes = 15",
            f'service = {{ code = "{each["service"]}", display = "{each["display"]}", '
            f'price = "{each["price"]}", tax_category = "E", tax_basis_points = 0 }}',
            f"sha256 = {{ {hashes} }}",
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    day = parser.add_mutually_exclusive_group()
    day.add_argument("--ref-date", type=datetime.date.fromisoformat, default=datetime.date(2024, 12, 1))
    day.add_argument("--around-today", action="store_true", help="the future is then really the future")
    parser.add_argument("--only", nargs="*", help="folders to make, all by default")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    ref_date = datetime.date.today() if arguments.around_today else arguments.ref_date
    folder = arguments.folder
    if arguments.one:
        each = next(each for each in PRACTITIONERS if each["folder"] == arguments.one)
        generate(folder, each["seed"], ref_date)
        return 0
    chosen = [each for each in PRACTITIONERS if not arguments.only or each["folder"] in arguments.only]
    if (folder / "clinic.toml").exists():
        print(f"{folder} is there already")
        return 0
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for each in chosen:
        target = partial / each["folder"]
        target.mkdir(parents=True)
        command = [sys.executable, __file__, str(target), "--one", each["folder"], "--ref-date", str(ref_date)]
        subprocess.run(command, check=True)
        rows = {name: sum(1 for _ in (target / name).open()) - 1 for name in FILES}
        print(f"{each['folder']}: " + ", ".join(f"{count:,} {name.removesuffix('.csv')}" for name, count in rows.items()))
    (partial / "clinic.toml").write_text(clinic_toml(partial, ref_date, chosen))
    partial.rename(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
