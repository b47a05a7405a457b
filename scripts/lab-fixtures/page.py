"""A report as HTML, for Chromium and LibreOffice."""

from datetime import date
from html import escape

import reports

FACES = {"mono": "'DejaVu Sans Mono', monospace", "serif": "'DejaVu Serif', serif"}


def html(report, for_writer):
    options = report["options"]
    face = next((FACES[key] for key in FACES if options.get(key)), "'DejaVu Sans', sans-serif")
    size = 8 if options.get("mono") or options.get("long") else 9
    padding = "9pt 4pt" if options.get("roomy") else "2.5pt 5pt"
    lines = "0.6pt solid #777" if report["layout"] in ("grid", "loinc") else "none"
    rule = "border-bottom: 0.6pt solid #bbb;" if report["layout"] in ("previous", "range-first") else ""
    align = "text-align: right;" if report["layout"] in ("flag-second", "bare") else ""
    middle = "middle" if report["layout"] in ("grid", "previous") else "top"
    style = f"""
      @page {{ size: A4; margin: 18mm 15mm; }}
      body {{ font-family: {face}; font-size: {size}pt; color: #111; }}
      h1 {{ font-size: 15pt; margin: 0 0 2pt 0; }} h2 {{ font-size: 11pt; margin: 0 0 8pt 0; font-weight: normal; }}
      table {{ border-collapse: collapse; width: 100%; }}
      table.results td, table.results th {{ border: {lines}; padding: {padding}; vertical-align: {middle}; {rule} }}
      table.results th {{ text-align: left; background: #e4e9ee; }}
      table.results .value {{ {align} }}
      table.who td {{ padding: 1.5pt 8pt 1.5pt 0; }}
      tr {{ page-break-inside: avoid; }}
      .section td {{ font-weight: bold; }} .status {{ font-weight: bold; letter-spacing: 1pt; }}
      .note {{ font-size: 7pt; color: #444; margin-top: 10pt; }}"""
    status = f"<p class='status'>{report['status'].upper()} REPORT</p>" if report["status"] else ""
    return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>Laboratory report</title><style>{style}</style></head>
<body><h1>{escape(report['lab'])}</h1><h2>Laboratory report</h2>{status}{who(report)}<br>{table(report, for_writer)}
<p class="note">{escape(report['note'])}</p><p class="note">End of report</p></body></html>"""


def labels(report):
    """Labels and values of the heading, in the words of the report's style."""
    person = report["person"]
    born = date.fromisoformat(person["birthDate"]).strftime(report["dateStyle"])
    sex = person["sex"].capitalize() if report["headerStyle"] != 1 else person["sex"][0].upper()
    words = [
        ("Patient name", "Date of birth", "MRN", "Sex", "Collected"),
        ("Name", "DOB", "Patient ID", "Gender", "Sample collected"),
        ("Patient", "Born", "Hospital no.", "Sex", "Collection date"),
    ][report["headerStyle"]]
    return list(zip(words, (person["name"], born, person["identifier"], sex, report["collected"])))


def who(report):
    pairs = labels(report)
    if report["headerStyle"] == 0:
        cells = "".join(f"<td>{a}:</td><td>{escape(b)}</td>" + ("</tr><tr>" if i % 2 else "") for i, (a, b) in enumerate(pairs))
        return f"<table class='who'><tr>{cells}</tr></table>"
    if report["headerStyle"] == 1:
        return "".join(f"<div>{a}: {escape(b)}</div>" for a, b in pairs)
    heads = "".join(f"<td><b>{a}</b></td>" for a, _ in pairs)
    return f"<table class='who' cellpadding='4'><tr>{heads}</tr><tr>{''.join(f'<td>{escape(b)}</td>' for _, b in pairs)}</tr></table>"


def markup(text, column):
    """Exponents as raised figures, as a word processor sets them."""
    text = escape(text)
    if column in ("Unit", "Units", "Result"):
        for raised, plain in (("\u00b9\u00b2", "12"), ("\u2079", "9"), ("\u00b3", "3")):
            text = text.replace("10" + raised, f"10<sup>{plain}</sup>")
    return text


def table(report, for_writer):
    columns = report["columns"]
    width = {"Test": 30, "Test name": 30, "Analyte": 30, "Investigation": 34, "Parameter": 34, "Examination": 28}
    share = [width.get(column, 0) for column in columns]
    rest = (100 - sum(share)) // (len(columns) - 1)
    head = "".join(
        f'<th width="{part or rest}%" class="{kind(column)}">{column}</th>' for column, part in zip(columns, share))
    body = []
    for title, rows in report["sections"]:
        if len(report["sections"]) > 1 and report["layout"] not in ("flag-second", "unit-in-cell"):
            body.append(f'<tr class="section"><td colspan="{len(columns)}">{title}</td></tr>')
        for row in rows:
            cells = []
            for column in columns:
                text = "<br>".join(markup(line, column) for line in reports.cell(report, row, column))
                align = ' align="right"' if for_writer and kind(column) == "value" and report["layout"] in ("flag-second", "bare") else ""
                cells.append(f'<td class="{kind(column)}"{align}>{text}</td>')
            body.append(f"<tr>{''.join(cells)}</tr>")
    border = ' border="1"' if for_writer and report["layout"] in ("grid", "loinc") else ""
    return f'<table class="results"{border}{pad(report, for_writer)}><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def pad(report, for_writer):
    """LibreOffice takes the padding from here, not from the style."""
    return f' cellpadding="{9 if report["options"].get("roomy") else 5}"' if for_writer else ""


def kind(column):
    return "value" if column in ("Result", "Value") else "other"
