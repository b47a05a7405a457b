"""Reports in layouts drawn from a seed: other columns, orders, headings, marks and habits than the written plan has.
A report is data; `random_paper` and `random_page` only draw it."""

import copy

import reports
import variants
from clinosim_days import patient_of, row_of

HEADINGS = {
    "name": ["Test", "Tests", "Test name", "TEST NAME", "Analyte", "Investigation", "Parameter", "Examination",
             "Component", "Assay", "Test Description", "Analysis", "Determination", "Laboratory test", "Procedure",
             "Test performed"],
    "value": ["Result", "Results", "RESULT", "Value", "Your result", "Observed value", "Result value", "Current result",
              "Measured value", "Finding"],
    "unit": ["Unit", "Units", "UNITS", "Unit of measure", "SI unit", "UoM"],
    "range": ["Reference", "Reference range", "Reference Interval", "REFERENCE RANGE", "Ref. range", "Ref. Interval",
              "Normal range", "Normal values", "Biological reference interval", "Bio. Ref. Interval", "Reference values",
              "Reference limits", "Expected values", "Bio. ref. range", "Ref range"],
    "flag": ["Flag", "Flags", "FLAG", "Abn", "H/L", "Abnormal", "Interpretation", "Alert", "Note"],
    "low": ["Low", "Lower limit", "Ref. low", "Min"],
    "high": ["High", "Upper limit", "Ref. high", "Max"],
    "previous": ["Previous", "Previous result", "Prior result", "Last result"],
    "loinc": ["LOINC", "LOINC code"],
    "code": ["Code", "No.", "#", "Test code"],
    "method": ["Method", "Methodology"],
    "specimen": ["Specimen", "Sample"],
    "status": ["Status", "Result status"],
}
METHODS = ["ISE", "Enzymatic", "CLIA", "HPLC", "Calculated", "Photometry", "ECLIA"]
SECTIONS = ["Clinical chemistry", "HAEMATOLOGY", "Immunology", "Coagulation", "Urinalysis", "ENDOCRINOLOGY", "Special tests",
            "Complete blood count (CBC)", "Liver function tests", "Lipid panel"]
COMMENTS = ["Result verified by repeat analysis.", "Specimen slightly haemolysed; interpret potassium with care.",
            "Comment: please repeat in 3 months.", "Method: enzymatic, IFCC.", "Sample received 4 h after collection.",
            "Values above 40 suggest review by a specialist, 1 in 20 healthy people lie outside the range.",
            "See guideline of 2019 for cut-off values.", "* Not accredited."]
EXTRA = ["comparators", "math_signs", "one_sided", "critical", "texts", "exponents", "exponents_raised", "micro_signs",
         "by_sex_and_age", "unsure", "amended", "more_texts", "long_names"]


def more_texts():
    row = variants.row
    return [
        row("Epithelial cells", "0-2", None, None, "/HPF", "/[HPF]", "0 - 5", "0", "5"),
        row("Bacteria, urine", "Few", None, None, "/HPF", "/[HPF]", "None seen"),
        row("Urine colour", "Pale yellow", None, None, None, None, "Straw - yellow"),
        row("Blood group", "O", None, None, None, None, None),
        row("Rh factor", "Positive", None, None, None, None, None),
        row("Rheumatoid factor", "<10.0", "10.0", "<", "IU/mL", "[IU]/mL", "<14.0", None, "14.0"),
        row("Nitrite", "NEGATIVE", None, None, None, None, "NEGATIVE"),
        row("VDRL", "Non reactive", None, None, None, None, "Non reactive"),
        row("Ketones", "Not detected", None, None, None, None, "Not detected", None, None, "N"),
        row("Urine pH", "6.0", "6.0", None, None, None, "5.0 - 8.0", "5.0", "8.0"),
        row("Neutrophils", "55.1", "55.1", None, "%", "%", "40.0-75.0", "40.0", "75.0"),
        row("Neutrophils, absolute", "4.02", "4.02", None, "10^9/L", "10*9/L", "2.00-7.50", "2.00", "7.50"),
    ]


def long_names():
    row = variants.row
    return [
        row("Glomerular filtration rate, estimated (CKD-EPI 2021, without race)", "74", "74", None, "mL/min/1.73 m\u00b2",
            "mL/min/{1.73_m2}", "> 60", "60", None),
        row("25-hydroxyvitamin D (D2 + D3), serum, by LC-MS/MS", "31.5", "31.5", None, "ng/mL", "ng/mL",
            ["Deficient: < 20", "Sufficient: > 30"]),
        row("Thyroid stimulating hormone, third generation", "8.41", "8.41", None, "mIU/L", "m[IU]/L", "0.40 - 4.00", "0.40",
            "4.00", "H"),
        row("Albumin/creatinine ratio, random urine", "22.6", "22.6", None, "mg/g", "mg/g", "< 30.0", None, "30.0"),
    ]


def make(rng, days, name):
    """One report; everything about it follows from `rng`."""
    patient, day, values = rng.choice(days[:400])
    person = patient_of(patient)
    age = int(day[:4]) - int(person["birthDate"][:4]) - (day[5:] < person["birthDate"][5:])
    look = draw_look(rng)
    rows = [row_of(loinc, value, rng.randrange(3)) for loinc, value in values.items()]
    long = rng.random() < 0.2
    rows = [dict(row, name=row["longName"] if long else row["name"]) for row in rows]
    sections = [[None, rows[:rng.randrange(4, 28)]]]
    for extra in rng.sample(EXTRA, rng.randrange(1, 6)):
        sections.append([None, extra_rows(extra, person["sex"], age)])
    rng.shuffle(sections)
    titled = len(sections) > 1 and rng.random() < 0.6
    for section, title in zip(sections, rng.sample(SECTIONS, len(sections))):
        section[0] = title if titled else None
    sections = copy.deepcopy(sections)
    number = 0
    for section in sections:
        for row in section[1]:
            number += 1
            dress(rng, row, look, number)
        if look["comments"]:
            for _ in range(rng.randrange(0, 3)):
                section[1].insert(rng.randrange(1, len(section[1]) + 1), {"comment": rng.choice(COMMENTS)})
    return {
        "name": name, "columns": columns(rng, look), "look": look, "person": person, "sections": sections,
        "options": {}, "layout": "random", "collected": f"{day} {rng.randrange(6, 18):02}:{rng.randrange(60):02}",
        "dateStyle": rng.choice(reports.DATE_STYLES), "lab": rng.choice(reports.LABS), "headerStyle": rng.randrange(3),
        "status": rng.choice([None, None, None, "preliminary", "amended"]),
        "note": "Results relate only to the samples tested. This report was made up; no such patient exists.",
    }


def extra_rows(extra, sex, age):
    own = {"more_texts": more_texts, "long_names": long_names}
    return own[extra]() if extra in own else reports.variant_rows(extra, sex, age)


def draw_look(rng):
    """The habits of a laboratory."""
    chance = lambda part: rng.random() < part
    limits = rng.choices(["cell", "two", "bracketed"], [8, 2, 1])[0]
    return {
        # A bound in a column of its own has no unit beside it.
        "unit": rng.choices(["column", "value", "both"], [7, 2, 0 if limits == "two" else 1])[0], "range": limits,
        "flag": rng.choices(["column", "after", "before", "attached", "bracketed", "none"], [6, 2, 1.5, 1, 1, 1])[0],
        "flagWords": rng.choices(["codes", "words", "arrows"], [6, 2, 2])[0],
        "comma": chance(0.25), "comments": chance(0.35), "dash": rng.choice(["-", " - ", " - ", "\u2013", " \u2013 ", " to "]),
        "tightComparators": chance(0.4), "font": rng.choice(["sans", "sans", "serif", "mono"]),
        "size": rng.choice([7.5, 8, 9, 10]), "pitch": rng.choice([1.15, 1.3, 1.5, 1.8, 2.3]), "upper": chance(0.15),
        "valueAlign": rng.choice(["left", "left", "right", "center"]), "otherAlign": rng.choice(["left", "left", "left", "center"]),
        "gap": rng.choice([5, 7, 10, 16]), "grid": rng.choice(["all", "rows", "none", "head"]),
        "valign": rng.choice(["top", "top", "middle", "bottom"]), "boldAbnormal": chance(0.3), "colon": chance(0.05),
        "nameWidth": rng.choice([0.16, 0.22, 0.3, 0.4]), "landscape": chance(0.15), "rotated": chance(0.12),
        "repeatHeading": chance(0.85), "show": rng.choice(["string", "string", "words", "glyphs", "kerned", "spaced", "squeezed"]),
        "order": rng.choice(["rows", "rows", "columns", "shuffled"]), "manner": rng.random(), "headAlign": rng.choice(["same", "left", "center"]),
        "stamp": chance(0.15), "indent": rng.choice([0, 0, 0, 8]),
    }


def dress(rng, row, look, number):
    """How a row is printed in this laboratory, and the truth with it."""
    row["number"], row["method"] = number, rng.choice(METHODS)
    if look["comma"]:
        reports.with_commas(row)
    if row["comparator"] and look["tightComparators"]:
        row["printed"] = row["printed"].replace(" ", "")
    limits = row["range"]
    if limits:
        simple = len(limits["lines"]) == 1 and limits["low"] and limits["high"] and not limits["appliesTo"]
        if look["range"] == "two":
            lines = limits["lines"]
            # Two columns hold two bounds and nothing else.
            row["range"] = limits if simple and " - " in lines[0] else None
        elif simple and " - " in limits["lines"][0]:
            limits["lines"] = [limits["lines"][0].replace(" - ", look["dash"])]
        if row["range"] and look["range"] == "bracketed":
            limits["lines"] = [f"[{line}]" for line in limits["lines"]]
        if row["range"] and look["unit"] == "both" and row["unit"] and len(limits["lines"]) == 1:
            limits["lines"] = [f"{limits['lines'][0]} {row['unit']}"]
    words = look["flagWords"] if look["flag"] in ("column", "after") else "codes"
    row["flagText"] = reports.flag_text(row["flag"], words) if look["flag"] != "none" else ""
    if look["flag"] in ("before", "attached", "bracketed", "after") and (row["flag"] == "N" or not row["decimal"]):
        row["flagText"] = ""
    if not row["flagText"]:
        row["flag"] = None


def columns(rng, look):
    kinds = ["value"]
    if look["unit"] == "column":
        kinds.append("unit")
    kinds += ["low", "high"] if look["range"] == "two" else ["range"]
    if look["flag"] == "column":
        kinds.append("flag")
    optional = [("previous", 0.15), ("method", 0.1), ("specimen", 0.06), ("status", 0.06), ("loinc", 0.1), ("code", 0.08)]
    kinds += [kind for kind, part in optional if rng.random() < part and len(kinds) < 6]
    first = [kind for kind in kinds if kind == "code"]
    rest = [kind for kind in kinds if kind not in ("code", "high")]
    if rng.random() < 0.45:
        rng.shuffle(rest)
    if "low" in rest:
        rest.insert(rest.index("low") + 1, "high")
    return [{"kind": kind, "heading": heading(rng, kind, look)} for kind in first + ["name"] + rest]


def heading(rng, kind, look):
    known = HEADINGS[kind]
    # Mostly the usual words, sometimes one that fewer laboratories use.
    text = rng.choice(known[: max(3, len(known) * 2 // 3)] if rng.random() < 0.8 else known)
    return (text.upper() if look["upper"] else text) + (":" if look["colon"] else "")


def cell(report, row, kind):
    """What is printed in a column: a list of lines."""
    look, limits = report["look"], row["range"]
    if kind == "value":
        return [value(look, row)]
    if kind == "range":
        return limits["lines"] if limits else [""]
    if kind in ("low", "high"):
        return [bound(row, kind)] if limits else [""]
    return [{
        "name": row["name"], "unit": row["unit"] or "", "flag": row["flagText"], "loinc": row["loinc"] or "",
        "previous": reports.earlier_result(row), "method": row["method"], "specimen": "Serum", "status": "F",
        "code": str(row["number"]),
    }[kind]]


def bound(row, kind):
    low, high = row["range"]["lines"][0].split(" - ")
    return low if kind == "low" else high


def value(look, row):
    text, mark = row["printed"], row["flagText"]
    if mark and look["flag"] == "attached":
        text += mark
    if mark and look["flag"] == "before":
        text = f"{mark} {text}"
    if row["unit"] and look["unit"] in ("value", "both"):
        text += " " + row["unit"]
    if mark and look["flag"] == "after":
        text += " " + mark
    if mark and look["flag"] == "bracketed":
        text += f" ({mark})"
    if row["earlier"]:
        text += f" (previously {row['earlier'][0]})"
    return text


def plain_rows(report):
    return [row for _, rows in report["sections"] for row in rows if "comment" not in row]


def truth(report, producer):
    """What a reader must find, made from the data that was printed."""
    kinds = [column["kind"] for column in report["columns"]]
    only_rows = dict(report, sections=[[None, plain_rows(report)]], layout="loinc" if "loinc" in kinds else "random")
    return reports.truth(only_rows, producer)
