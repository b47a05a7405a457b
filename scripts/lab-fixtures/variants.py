"""Rows that clinosim never gives: comparators, one-sided ranges, ranges by sex and age, text, critical flags, both
micro signs, exponents, numbers whose separator is not sure. The truth beside each is written by hand."""


def row(name, printed, decimal=None, comparator=None, unit=None, ucum=None, lines=None, low=None, high=None, flag=None,
        applies=None, earlier=None, loinc=None):
    lines = [lines] if isinstance(lines, str) else lines
    text_range = {"lines": lines, "low": low, "high": high, "appliesTo": applies} if lines else None
    return {"name": name, "longName": name, "loinc": loinc, "printed": printed, "decimal": decimal,
            "comparator": comparator, "unit": unit, "ucum": ucum, "range": text_range, "flag": flag,
            "earlier": earlier or []}


def comparators():
    return [
        row("TSH, sensitive", "<0.01", "0.01", "<", "mIU/L", "m[IU]/L", "0.40 - 4.00", "0.40", "4.00", "LL"),
        row("hs-Troponin T", "< 5", "5", "<", "ng/L", "ng/L", "< 14", None, "14"),
        row("eGFR (CKD-EPI)", ">90", "90", ">", "mL/min/1.73 m\u00b2", "mL/min/{1.73_m2}", "> 60", "60", None, "N"),
        row("Ferritin", ">2000", "2000", ">", "ng/mL", "ng/mL", "30 - 400", "30", "400", "HH"),
        row("Vitamin B12", "<=150", "150", "<=", "pg/mL", "pg/mL", "200 to 900", "200", "900", "L"),
        row("Anti-HBs", ">= 10.0", "10.0", ">=", "IU/L", "[IU]/L", "< 10.0", None, "10.0", "A"),
    ]


def math_signs():
    return [
        row("Anti-TPO", "\u2264 9.0", "9.0", "<=", "IU/mL", "[IU]/mL", "\u2264 34.0", None, "34.0"),
        row("Free PSA", "\u22650.50", "0.50", ">=", "ng/mL", "ng/mL", "\u2265 0.25", "0.25", None),
        row("Base excess", "\u22122.5", "-2.5", None, "mmol/L", "mmol/L", "-2.0 - 3.0", "-2.0", "3.0", "L"),
    ]


def one_sided():
    return [
        row("GGT", "61", "61", None, "U/L", "U/L", "up to 40", None, "40", "H"),
        row("LDL, direct", "3.10", "3.10", None, "mmol/L", "mmol/L", "< 3.00", None, "3.00", "H"),
        row("HDL ratio", "1.20", "1.20", None, None, None, "> 1.00", "1.00", None),
        row("Vitamin D, 25-OH", "18.4", "18.4", None, "ng/mL", "ng/mL", ">= 30.0", "30.0", None, "L"),
    ]


def critical():
    return [
        row("Potassium, repeat", "2.10", "2.10", None, "mmol/L", "mmol/L", "3.50 - 5.10", "3.50", "5.10", "LL"),
        row("Glucose, random", "612", "612", None, "mg/dL", "mg/dL", "70 - 140", "70", "140", "HH"),
        row("Blood culture", "Positive", None, None, None, None, "Negative", None, None, "AA"),
        row("Urine culture", "No growth", None, None, None, None, None, None, None, None),
    ]


def texts():
    return [
        row("Protein, urine", "1+", None, None, None, None, "Negative", None, None, "A"),
        row("Glucose, urine", "Negative", None, None, None, None, "Negative", None, None, "N"),
        row("ANA titre", "1:80", None, None, None, None, "< 1:40", None, None, "A"),
        row("HBsAg", "Non-reactive", None, None, None, None, "Non-reactive"),
        row("Potassium, serum", "haemolysed", None, None, "mmol/L", "mmol/L", "3.50 - 5.10", "3.50", "5.10"),
        row("Specific gravity", "1.015", "1.015", None, None, None, "1.005 - 1.030", "1.005", "1.030"),
    ]


def exponents(micro="\u00b5", raised=False):
    three, nine, twelve = ("10\u00b3", "10\u2079", "10\u00b9\u00b2") if raised else ("10^3", "10^9", "10^12")
    return [
        row("White cell count", "7.2", "7.2", None, f"{nine}/L", "10*9/L", "4.0 - 11.0", "4.0", "11.0"),
        row("Red cell count", "3.71", "3.71", None, f"{twelve}/L", "10*12/L", "3.80 - 5.20", "3.80", "5.20", "L"),
        row("Platelet count", "245", "245", None, f"{three}/{micro}L", "10*3/uL", "150 - 400", "150", "400", "N"),
        row("MCV", "88.1", "88.1", None, "fL", "fL", "80.0 - 99.0", "80.0", "99.0"),
    ]


def micro_signs():
    return [
        row("Creatinine (SI)", "88", "88", None, "\u00b5mol/L", "umol/L", "45 - 84", "45", "84", "H"),
        row("Bilirubin, total", "12.0", "12.0", None, "\u03bcmol/L", "umol/L", "< 21.0", None, "21.0"),
        row("Iron", "9.8", "9.8", None, "\u03bcmol/L", "umol/L", "10.6 - 28.3", "10.6", "28.3", "L"),
        row("Urine albumin", "14", "14", None, "\u00b5g/mL", "ug/mL", "< 20", None, "20"),
    ]


def by_sex_and_age(sex, age):
    """Ranges with a part for each sex or age: the bounds are the patient's own."""
    def pick(parts):
        return parts[sex] + ({"sex": sex, "ageLow": None, "ageHigh": None},)

    haemoglobin = pick({"male": ("13.5", "17.5"), "female": ("12.0", "15.5")})
    ferritin = pick({"male": ("30", "400"), "female": ("13", "150")})
    uric = pick({"male": ("3.4", "7.0"), "female": ("2.4", "5.7")})
    older = age >= 50
    return [
        row("Haemoglobin, total", "13.6", "13.6", None, "g/dL", "g/dL", "M: 13.5-17.5; F: 12.0-15.5", *haemoglobin[:2],
            applies=haemoglobin[2]),
        row("Ferritin, serum", "142", "142", None, "\u00b5g/L", "ug/L", ["Male: 30 - 400", "Female: 13 - 150"],
            *ferritin[:2], applies=ferritin[2]),
        row("Uric acid", "5.1", "5.1", None, "mg/dL", "mg/dL", "3.4-7.0 (M) 2.4-5.7 (F)", *uric[:2], applies=uric[2]),
        row("ESR", "18", "18", None, "mm/h", "mm/h", ["< 50 y: 0 - 15", ">= 50 y: 0 - 20"], "0", "20" if older else "15",
            applies={"sex": None, "ageLow": 50 if older else None, "ageHigh": None if older else 49}),
    ]


def unsure():
    """A comma before three digits may part thousands: the text is right, a number would be a guess."""
    return [
        row("Leukocytes, manual", "12,500", None, None, "/\u00b5L", "/uL", "4,000 - 11,000", None, None, "H"),
        row("CK, total", "1,234", None, None, "U/L", "U/L", "< 190", None, "190", "H"),
    ]


def amended():
    return [
        row("Sodium, repeat", "131", "131", None, "mmol/L", "mmol/L", "136 - 145", "136", "145", "L", earlier=["141"]),
        row("Lactate, repeat", "4.10", "4.10", None, "mmol/L", "mmol/L", "0.50 - 2.20", "0.50", "2.20", "H",
            earlier=["1.10"]),
    ]
