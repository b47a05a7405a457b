"""Laboratory values of clinosim, grouped by patient and day. Only LOINC codes are taken over, never SNOMED CT."""

import json
from collections import defaultdict

# What a laboratory prints for clinosim's LOINC codes: short name, decimals, printed units (the first is the usual one).
ANALYTES = {
    "2160-0": ("Creatinine", 2), "1920-8": ("AST (GOT)", 0), "1742-6": ("ALT (GPT)", 0), "2823-3": ("Potassium", 2),
    "2345-7": ("Glucose", 0), "6690-2": ("Leukocytes", 0), "4548-4": ("HbA1c", 1), "718-7": ("Haemoglobin", 1),
    "2885-2": ("Total protein", 1), "2951-2": ("Sodium", 0), "1988-5": ("C-reactive protein", 1),
    "3094-0": ("Urea nitrogen (BUN)", 1), "1963-8": ("Bicarbonate", 1), "2744-1": ("pH, arterial", 2),
    "2703-7": ("pO2, arterial", 1), "2019-8": ("pCO2, arterial", 1), "6301-6": ("PT (INR)", 2), "3016-3": ("TSH", 3),
    "17861-6": ("Calcium", 2), "777-3": ("Platelets", 0), "48642-3": ("eGFR", 0), "75241-0": ("Procalcitonin", 2),
    "42637-9": ("BNP", 0), "2571-8": ("Triglycerides", 0), "2524-7": ("Lactate", 2), "2093-3": ("Total cholesterol", 0),
    "2085-9": ("HDL cholesterol", 0), "48065-7": ("D-dimer", 2), "1751-7": ("Albumin", 1), "4544-3": ("Haematocrit", 1),
    "2075-0": ("Chloride", 0), "6875-9": ("CA 15-3", 1), "14979-9": ("aPTT", 1), "13457-7": ("LDL cholesterol", 0),
    "10839-9": ("Troponin I", 3), "2532-0": ("Lactate dehydrogenase", 0), "2039-6": ("CEA", 1), "2857-1": ("PSA, total", 2),
}

PRINTED_UNITS = {
    "/uL": ["/\u00b5L", "/\u03bcL", "/uL"],
    "mm[Hg]": ["mmHg", "mm Hg"],
    "[pH]": [""],
    "{INR}": ["INR", ""],
    "m[IU]/L": ["mIU/L"],
    "mL/min/{1.73_m2}": ["mL/min/1.73 m\u00b2", "mL/min/1.73m2"],
    "10*3/uL": ["10^3/\u00b5L", "10\u00b3/\u03bcL", "K/uL"],
    "ug/mL": ["\u00b5g/mL", "\u03bcg/mL", "mcg/mL"],
    "s": ["s", "sec"],
}


def read_days(folder):
    """Every patient's days with values: (patient, day, values by LOINC), the fullest first."""
    patients = {}
    with open(folder / "fhir_r4" / "Patient.ndjson", encoding="utf-8") as lines:
        for line in lines:
            patient = json.loads(line)
            patients["Patient/" + patient["id"]] = patient
    days = defaultdict(dict)
    with open(folder / "fhir_r4" / "Observation.ndjson", encoding="utf-8") as lines:
        for line in lines:
            observation = json.loads(line)
            loinc = observation["code"]["coding"][0]["code"]
            if not observation["id"].startswith("lab-") or "valueQuantity" not in observation or loinc not in ANALYTES:
                continue
            day = (observation["subject"]["reference"], observation["effectiveDateTime"][:10])
            days[day].setdefault(loinc, observation)
    groups = [(patients[reference], day, values) for (reference, day), values in days.items()]
    return sorted(groups, key=lambda group: (-len(group[2]), group[0]["id"], group[1]))


def patient_of(patient):
    name = patient["name"][0]
    return {
        "name": " ".join(name["given"] + [name["family"]]),
        "birthDate": patient["birthDate"],
        "identifier": next(i["value"] for i in patient["identifier"] if i["type"]["text"] == "MRN"),
        "sex": patient["gender"],
    }


def fixed(number, decimals):
    return f"{number:.{decimals}f}"


def row_of(loinc, observation, unit_style):
    """One row of the truth, with decimal points; printing may change the separator."""
    name, decimals = ANALYTES[loinc]
    quantity = observation["valueQuantity"]
    units = PRINTED_UNITS.get(quantity["unit"], [quantity["unit"]])
    unit = units[unit_style % len(units)]
    reference = observation["referenceRange"][0]
    low, high = fixed(reference["low"]["value"], decimals), fixed(reference["high"]["value"], decimals)
    value = fixed(quantity["value"], decimals)
    flags = observation.get("interpretation") or []
    return {
        "name": name, "longName": observation["code"]["text"], "loinc": loinc, "printed": value, "decimal": value,
        "comparator": None, "unit": unit or None, "ucum": quantity["unit"] if unit else None,
        "range": {"lines": [f"{low} - {high}"], "low": low, "high": high, "appliesTo": None},
        "flag": flags[0]["coding"][0]["code"] if flags else None, "earlier": [],
    }
