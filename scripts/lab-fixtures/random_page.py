"""Random reports as HTML (tables, flowing cells, typewriter text) for Chromium and LibreOffice, and as a flat text
document with tab stops for LibreOffice."""

from html import escape

import page
import random_paper
import random_reports as content
import reports

FACES = {"sans": "'DejaVu Sans', sans-serif", "serif": "'DejaVu Serif', serif", "mono": "'DejaVu Sans Mono', monospace"}


def source(report, for_writer):
    """The text of the source file and its ending."""
    manner = report["look"]["manner"]
    if manner < 0.15:
        random_paper.merged_ranges(report)
        return document(report, typewriter(report), for_writer), "html"
    if for_writer and manner < 0.4:
        return tabbed(report), "fodt"
    if not for_writer and manner < 0.4:
        return document(report, flowing(report), for_writer), "html"
    return document(report, table(report, for_writer), for_writer), "html"


def document(report, body, for_writer):
    look = report["look"]
    size = min(look["size"], 8 if len(report["columns"]) > 6 else 10)
    pad = 0.5 + 4 * (look["pitch"] - 1.15)
    sheet = "A4 landscape" if look["landscape"] or manner_is_wide(report) else "A4"
    border = {"all": "td, th { border: 0.6pt solid #777; }", "rows": "td, th { border-bottom: 0.6pt solid #bbb; }"}.get(look["grid"], "")
    style = f"""
      @page {{ size: {sheet}; margin: 16mm 14mm; }}
      body {{ font-family: {FACES[look['font']]}; font-size: {size}pt; color: #111; }}
      h1 {{ font-size: 15pt; margin: 0 0 2pt 0; }} h2 {{ font-size: 11pt; margin: 0 0 8pt 0; font-weight: normal; }}
      table {{ border-collapse: collapse; }} table.results, .flow {{ width: 100%; }}
      table.results {{ {"" if look["repeatHeading"] else "thead { display: table-row-group; }"} }}
      table.results td, table.results th {{ padding: {pad:.1f}pt {look['gap'] / 2:.1f}pt; vertical-align: {look['valign']}; }}
      {border.replace("td", "table.results td").replace("th {", "table.results th {")}
      table.who td {{ padding: 1.5pt 8pt 1.5pt 0; border: none; }}
      tr, .row {{ page-break-inside: avoid; }} .row {{ display: grid; padding: {pad:.1f}pt 0; column-gap: {look['gap']}pt; align-items: {dict(top='start', middle='center', bottom='end')[look['valign']]}; }}
      .section {{ font-weight: bold; }} .comment {{ font-style: italic; font-size: {size - 0.5}pt; }} .hit {{ font-weight: bold; }}
      {"body { letter-spacing: 0.2pt; }" if look["show"] == "spaced" else ""}
      pre {{ font-family: {FACES['mono']}; font-size: {typewriter_size(report):.2f}pt; line-height: 1.2; }}
      .note {{ font-size: 7pt; color: #444; margin-top: 10pt; }}"""
    status = f"<p class='section'>{report['status'].upper()} REPORT</p>" if report["status"] else ""
    return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>Laboratory report</title><style>{style}</style></head>
<body><h1>{escape(report['lab'])}</h1><h2>Laboratory report</h2>{status}{page.who(report)}<br>{body}
<p class="note">{escape(report['note'])}</p><p class="note">End of report</p></body></html>"""


def manner_is_wide(report):
    return len(report["columns"]) > 6 or report["look"]["manner"] < 0.15


def align_of(look, kind):
    if kind in ("value", "low", "high"):
        return look["valueAlign"]
    return "left" if kind == "name" else look["otherAlign"]


def markup(text, kind):
    text = escape(text)
    if kind in ("unit", "value", "range"):
        for raised, plain in (("\u00b9\u00b2", "12"), ("\u2079", "9"), ("\u00b3", "3")):
            text = text.replace("10" + raised, f"10<sup>{plain}</sup>")
    return text


def table(report, for_writer):
    look, columns = report["look"], report["columns"]
    name = round(100 * max(look["nameWidth"], 0.2))
    widths = [name if column["kind"] == "name" else round((100 - name) / (len(columns) - 1)) for column in columns]
    fixed = look["manner"] < 0.75 or for_writer
    head = "".join(
        f'<th{f" width={chr(34)}{width}%{chr(34)}" if fixed else ""} align="{align_of(look, c["kind"]) if look["headAlign"] == "same" else "left"}"'
        f' style="text-align: {align_of(look, c["kind"]) if look["headAlign"] == "same" else "left"}">{escape(c["heading"])}</th>'
        for c, width in zip(columns, widths))
    body = []
    for title, items in report["sections"]:
        if title:
            body.append(f'<tr><td class="section" colspan="{len(columns)}">{escape(title)}</td></tr>')
        for item in items:
            if "comment" in item:
                body.append(f'<tr><td class="comment" colspan="{len(columns)}">{escape(item["comment"])}</td></tr>')
            else:
                body.append("<tr>" + "".join(table_cell(report, item, c["kind"]) for c in columns) + "</tr>")
    border = ' border="1"' if for_writer and look["grid"] == "all" else ""
    pad = f' cellpadding="{2 + int(4 * (look["pitch"] - 1.15))}"' if for_writer else ""
    thead = f"<thead><tr>{head}</tr></thead>" if look["repeatHeading"] else f"<tr>{head}</tr>"
    return f'<table class="results" {"width=100%" if for_writer else ""}{border}{pad}>{thead}<tbody>{"".join(body)}</tbody></table>'


def table_cell(report, item, kind):
    look = report["look"]
    text = "<br>".join(markup(line, kind) for line in content.cell(report, item, kind))
    if is_hit(look, item, kind):
        text = f"<b>{text}</b>"
    align = align_of(look, kind)
    return f'<td align="{align}" valign="{look["valign"]}" style="text-align: {align}">{text}</td>'


def is_hit(look, item, kind):
    return look["boldAbnormal"] and kind in ("value", "flag") and item["flag"] not in (None, "N")


def flowing(report):
    """Rows as grids of their own, as web applications print them."""
    look, columns = report["look"], report["columns"]
    tracks = " ".join({"name": f"{max(look['nameWidth'], 0.2) * 10:.1f}fr", "range": "2fr", "value": "2fr"}.get(c["kind"], "1.3fr") for c in columns)
    style = f'style="grid-template-columns: {tracks}"'
    heads = "".join(f'<b style="text-align: {align_of(look, c["kind"]) if look["headAlign"] == "same" else "left"}">{escape(c["heading"])}</b>' for c in columns)
    body = [f'<div class="row" {style}>{heads}</div>']
    for title, items in report["sections"]:
        if title:
            body.append(f'<div class="section">{escape(title)}</div>')
        for item in items:
            if "comment" in item:
                body.append(f'<div class="comment">{escape(item["comment"])}</div>')
                continue
            cells = []
            for c in columns:
                text = "<br>".join(markup(line, c["kind"]) for line in content.cell(report, item, c["kind"]))
                hit = ' class="hit"' if is_hit(look, item, c["kind"]) else ""
                cells.append(f'<span{hit} style="text-align: {align_of(look, c["kind"])}">{text}</span>')
            body.append(f'<div class="row" {style}>{"".join(cells)}</div>')
    return f'<div class="flow">{"".join(body)}</div>'


def typewriter(report):
    head, body = random_paper.line_printer(report)
    return f"<pre>{escape(chr(10).join(head + body))}</pre>"


def typewriter_size(report):
    """As large as lets the longest line stand on one."""
    head, body = random_paper.line_printer(report)
    return min(report["look"]["size"], 750 / 0.61 / max(len(line) for line in head + body))


def tab_stops(look, columns, rows, size):
    """Where the tabs stop, in centimetres, and how wide all is; a heading in bold capitals is wider than other text."""
    per = size * 0.62 / 28.35
    stops, x = [], 0.0
    for index, column in enumerate(columns):
        right = column["kind"] == "value" and look["valueAlign"] == "right"
        width = per * max(1.35 * len(column["heading"]) + 1, *(len(row[index]) for row in rows))
        stops.append((x + width if right else x, "right" if right else "left"))
        x += width + look["gap"] / 28.35
    return stops, x


def tabbed(report):
    """Paragraphs with tab stops, as a report typed into a word processor."""
    look, columns = report["look"], report["columns"]
    random_paper.merged_ranges(report)
    size = 7 if len(columns) > 5 else min(look["size"], 8.5)
    rows = [[content.cell(report, row, c["kind"])[0] for c in columns] for row in content.plain_rows(report)]
    stops, x = tab_stops(look, columns, rows, size)
    while x > 26:
        # A line that does not fit the paper would run on in the next one.
        size -= 0.5
        stops, x = tab_stops(look, columns, rows, size)
    marks = "".join(f'<style:tab-stop style:position="{at:.2f}cm" style:type="{kind}"/>' for at, kind in stops[1:])
    wide = x > 17.5
    paper = 'fo:page-width="29.7cm" fo:page-height="21cm"' if wide else 'fo:page-width="21cm" fo:page-height="29.7cm"'
    line = lambda cells, style: f'<text:p text:style-name="{style}">{"<text:tab/>".join(escape(text) for text in cells)}</text:p>'
    body = [line([report["lab"]], "Title"), *([line([f"{report['status'].upper()} REPORT"], "Head")] if report["status"] else [])]
    body += [line([f"{label}: {text}"], "Plain") for label, text in page.labels(report)]
    body += [line([""], "Plain"), line([c["heading"] for c in columns], "Head")]
    drawn = iter(rows)
    for title, items in report["sections"]:
        body += [line([title], "Head")] if title else []
        body += [line([item["comment"]], "Plain") if "comment" in item else line(next(drawn), "Row") for item in items]
    body += [line([""], "Plain"), line([report["note"]], "Plain"), line(["End of report"], "Plain")]
    face = {"sans": "DejaVu Sans", "serif": "DejaVu Serif", "mono": "DejaVu Sans Mono"}[look["font"]]

    def style(name, weight, points, stops=marks):
        return (f'<style:style style:name="{name}" style:family="paragraph"><style:paragraph-properties fo:line-height="{round(100 * min(look["pitch"], 1.8) / 1.15)}%">'
                f'<style:tab-stops>{stops}</style:tab-stops></style:paragraph-properties>'
                f'<style:text-properties fo:font-family="{face}" fo:font-size="{points}pt" fo:font-weight="{weight}"/></style:style>')

    return f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
 office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text">
<office:automatic-styles>{style("Row", "normal", size)}{style("Head", "bold", size)}{style("Plain", "normal", size, "")}{style("Title", "bold", 14, "")}
<style:page-layout style:name="Paper"><style:page-layout-properties {paper} fo:margin="1.5cm"/></style:page-layout></office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="Paper"/></office:master-styles>
<office:body><office:text>{"".join(body)}</office:text></office:body></office:document>"""
