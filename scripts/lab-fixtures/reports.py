"""Which reports there are: values, variants and layout of each. A report is data; the producers only draw it."""

import copy

import variants
from clinosim_days import patient_of, row_of

LABS = ["Northside Clinical Laboratory", "St Brendan Hospital Pathology", "Lakeview Diagnostics", "Harbour Labs"]

# One entry per report: number, layout, variants by name, and what differs.
PLAN = [
    ("01-plain", "grid", [], {}),
    ("02-comparators", "flag-second", ["comparators", "one_sided"], {}),
    ("03-other-order", "range-first", ["critical", "micro_signs"], {"flags": "words"}),
    ("04-long-names", "loinc", [], {"long": True}),
    ("05-unit-in-cell", "unit-in-cell", ["exponents"], {}),
    ("06-previous", "previous", ["one_sided"], {"status": "preliminary"}),
    ("07-decimal-comma", "grid", ["exponents_raised", "micro_signs", "math_signs"], {"comma": True, "wide": True}),
    ("08-two-pages", "grid", ["comparators", "one_sided", "critical", "exponents", "micro_signs", "by_sex_and_age"],
     {"roomy": True}),
    ("09-by-sex", "flag-second", ["by_sex_and_age", "texts"], {"mono": True}),
    ("10-amended", "bare", ["amended", "unsure", "texts"], {"status": "amended", "serif": True}),
]

LAYOUTS = {
    "grid": ["Test", "Result", "Unit", "Reference range", "Flag"],
    "flag-second": ["Test name", "Flag", "Result", "Units", "Reference interval"],
    "range-first": ["Analyte", "Normal range", "Value", "Units", "Abn"],
    "loinc": ["Investigation", "LOINC", "Result", "Units", "Ref. range"],
    "unit-in-cell": ["Parameter", "Result", "Reference", "Flag"],
    "previous": ["Test", "Previous result", "Result", "Unit", "Reference range", "Flag"],
    "bare": ["Examination", "Result", "Unit", "Biological reference interval", "Flag"],
}

FLAG_WORDS = {"N": "Normal", "L": "Low", "H": "High", "LL": "Critical low", "HH": "Critical high", "A": "Abnormal",
              "AA": "Critical"}
FLAG_ARROWS = {"N": "", "L": "\u2193", "H": "\u2191", "LL": "\u2193\u2193", "HH": "\u2191\u2191", "A": "*", "AA": "AA"}
DATE_STYLES = ["%Y-%m-%d", "%d %b %Y", "%d.%m.%Y"]


def make_reports(days, producer):
    """The ten reports of a producer (0, 1, 2); each producer prints other patients."""
    reports = []
    for index, (name, layout, extra, options) in enumerate(PLAN):
        size = 0 if options.get("roomy") or options.get("long") else 30
        patient, day, values = days[size + 11 * index + 3 * producer]
        person = patient_of(patient)
        age = int(day[:4]) - int(person["birthDate"][:4]) - (day[5:] < person["birthDate"][5:])
        rows = [row_of(loinc, value, producer + index) for loinc, value in values.items()]
        if options.get("long"):
            rows = [dict(row, name=row["longName"]) for row in rows]
        else:
            rows = [dict(row, loinc=None) for row in rows]
        sections = [["Results", rows]]
        for variant in extra:
            sections.append([variant.split("_")[0].capitalize(), variant_rows(variant, person["sex"], age)])
        reports.append(finish(name, layout, options, person, day, sections, producer, index))
    return reports


def variant_rows(variant, sex, age):
    if variant == "by_sex_and_age":
        return variants.by_sex_and_age(sex, age)
    if variant == "exponents_raised":
        return variants.exponents("\u03bc", raised=True)
    return getattr(variants, variant)()


def finish(name, layout, options, person, day, sections, producer, index):
    style = (producer + index) % 3
    flags = options.get("flags") or ["codes", "codes", "arrows"][style]
    if options.get("long") or options.get("mono") or options.get("serif"):
        flags = "codes"
    sections = copy.deepcopy(sections)
    for _, rows in sections:
        for row in rows:
            if options.get("comma"):
                with_commas(row)
            if layout == "loinc" and row["flag"] == "N":
                row["flag"] = None
            row["flagText"] = flag_text(row["flag"], flags)
            if row["flagText"] == "":
                row["flag"] = None
    return {
        "name": name, "layout": layout, "columns": LAYOUTS[layout], "options": options, "person": person,
        "collected": f"{day} 0{7 + index % 3}:{10 + index}", "dateStyle": DATE_STYLES[style], "sections": sections,
        "lab": LABS[(producer + index) % len(LABS)], "status": options.get("status"), "headerStyle": (index + producer) % 3,
        "note": "Results relate only to the samples tested. This report was made up; no such patient exists.",
    }


def flag_text(flag, style):
    if flag is None:
        return ""
    return {"codes": {}, "words": FLAG_WORDS, "arrows": FLAG_ARROWS}[style].get(flag, flag)


def with_commas(row):
    """A report with decimal commas: the print changes, the decimal does not."""
    row["printed"] = row["printed"].replace(".", ",") if row["decimal"] else row["printed"]
    if row["range"] and row["range"]["low"] is not None or row["range"] and row["range"]["high"] is not None:
        row["range"]["lines"] = [line.replace(".", ",") for line in row["range"]["lines"]]
    # 1,234 with three digits behind the comma may be a thousand: no decimal, no bounds.
    if row["decimal"] and unsure(row["decimal"]):
        row["decimal"] = None
        row["comparator"] = row["comparator"]
    if row["range"] and any(unsure(bound) for bound in (row["range"]["low"], row["range"]["high"]) if bound):
        row["range"]["low"] = row["range"]["high"] = None


def unsure(decimal):
    whole, _, fraction = decimal.lstrip("-").partition(".")
    return len(fraction) == 3 and not whole.startswith("0") and len(whole) <= 3


def cell(report, row, column):
    """What is printed in a column: a list of lines."""
    if column in ("Test", "Test name", "Analyte", "Investigation", "Parameter", "Examination"):
        return [row["name"]]
    if column in ("Unit", "Units"):
        return [row["unit"] or ""]
    if column in ("Flag", "Abn"):
        return [row["flagText"]]
    if column == "LOINC":
        return [row["loinc"] or ""]
    if column == "Previous result":
        return [earlier_result(row)]
    if column in ("Result", "Value"):
        return [result(report, row)]
    return row["range"]["lines"] if row["range"] else [""]


def result(report, row):
    text = row["printed"]
    if report["layout"] == "unit-in-cell" and row["unit"]:
        text += " " + row["unit"]
    if report["layout"] == "loinc" and row["flagText"]:
        text += " " + row["flagText"]
    if row["earlier"]:
        text += f" (previously {row['earlier'][0]})"
    return text


def earlier_result(row):
    """A result of another day, which must never be taken for the value: every digit of it is another one."""
    if not row["decimal"]:
        return "-"
    return "".join(str((int(digit) + 3) % 9 + 1) if digit.isdigit() else digit for digit in row["decimal"])


def truth(report, producer):
    """What a reader must find, made from the data that was printed."""
    person = report["person"]
    rows = []
    for _, section in report["sections"]:
        for row in section:
            text_range = row["range"]
            rows.append({
                "name": row["name"], "printed": row["printed"], "decimal": row["decimal"],
                "comparator": row["comparator"], "unit": row["unit"], "ucum": row["ucum"], "flag": row["flag"],
                "loinc": row["loinc"] if report["layout"] == "loinc" else None, "earlier": row["earlier"],
                "range": text_range and {"text": " ".join(text_range["lines"]), "low": text_range["low"],
                                         "high": text_range["high"], "appliesTo": text_range["appliesTo"]},
            })
    return {
        "producer": producer, "status": "amended" if report["status"] == "amended" else "preliminary",
        "header": {"name": person["name"], "birthDate": person["birthDate"], "identifier": person["identifier"],
                   "sex": person["sex"], "collected": report["collected"], "laboratory": report["lab"]},
        "rows": rows,
    }
