#!/usr/bin/env python3
"""What must be true of an imported year, counted from the generator's files alone. Prints JSON.

    year_oracle.py FOLDER

It shares nothing with Carelog: it reads clinic.toml and the CSV files and counts. Every equality of the end-to-end test
compares an answer of the running program with a number from here.
"""

import csv
import json
import pathlib
import sys
import tomllib
from decimal import Decimal


def rows(path: pathlib.Path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def practitioner(folder: pathlib.Path, each: dict) -> dict:
    place = folder / each["folder"]
    slots, patients, appointments = (rows(place / name) for name in ("slots.csv", "patients.csv", "appointments.csv"))
    status = lambda name: sum(1 for row in appointments if row["status"] == name)
    attended, cancelled, absent = status("attended"), status("cancelled"), status("did not attend")
    unknown, scheduled = status("unknown"), status("scheduled")
    ref_date = str(tomllib.loads((folder / "clinic.toml").read_text())["ref_date"])
    live = [row["slot_id"] for row in appointments if row["status"] != "cancelled"]
    assert len(live) == len(set(live)), "the generator never puts two live appointments into a slot"
    price = Decimal(each["service"]["price"])
    dates = [row["appointment_date"] for row in slots]
    return {
        "name": each["name"],
        "specialty": each["specialty"],
        "service": each["service"]["code"],
        "appointments": len(appointments),
        "fulfilled": attended,
        "cancelled": cancelled,
        "noshow": absent,
        "booked": unknown + scheduled,
        "patients": len(patients),
        "slots": len(slots),
        "unoccupiedSlots": sum(1 for row in slots if row["is_available"] == "True"),
        "occupiedSlots": len(live),
        "invoicesIssued": attended,
        "draftsCancelled": cancelled + absent,
        "drafts": unknown + scheduled,
        "feeInvoices": 0,
        "sumIssued": str(attended * price),
        "firstDate": min(dates),
        "lastDate": max(dates),
        "outcomeMissingBeforeRefDate": sum(
            1 for row in appointments if row["status"] in ("unknown", "scheduled") and row["appointment_date"] < ref_date
        ),
        "leapDayBirths": sum(1 for row in patients if row["dob"].endswith("-02-29")),
        "namesSample": sorted(row["name"] for row in patients)[:5],
    }


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    manifest = tomllib.loads((folder / "clinic.toml").read_text())
    practitioners = [practitioner(folder, each) for each in manifest["practitioner"]]
    total = lambda name: sum(each[name] for each in practitioners)
    names = ["appointments", "fulfilled", "cancelled", "noshow", "booked", "patients", "slots", "unoccupiedSlots",
             "invoicesIssued", "draftsCancelled", "drafts", "feeInvoices"]
    whole = {name: total(name) for name in names}
    whole["sumIssued"] = str(sum(Decimal(each["sumIssued"]) for each in practitioners))
    print(json.dumps({"manifest": manifest["manifest"], "hospital": manifest["hospital"], "practitioners": practitioners, "total": whole}))


if __name__ == "__main__":
    main()
