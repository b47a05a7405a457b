"""A report by reportlab: platypus tables, and one layout set by hand, line by line."""

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

import page
import reports

FOLDER = "/usr/share/fonts/truetype/dejavu/"
FACES = {"mono": ("Courier", "Courier-Bold"), "serif": ("Times-Roman", "Times-Bold")}


def draw(report, path):
    if "DejaVu" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("DejaVu", FOLDER + "DejaVuSans.ttf"))
        pdfmetrics.registerFont(TTFont("DejaVu-Bold", FOLDER + "DejaVuSans-Bold.ttf"))
    faces = next((FACES[key] for key in FACES if report["options"].get(key)), None)
    # Times, Courier and Helvetica lack the other micro sign, arrows and comparators.
    needs_more = any(ord(c) > 255 for r in all_rows(report) for text in texts(report, r) for c in text)
    faces = ("DejaVu", "DejaVu-Bold") if needs_more else faces or ("Helvetica", "Helvetica-Bold")
    if report["layout"] == "bare":
        by_hand(report, path, faces)
    else:
        by_platypus(report, path, faces)


def all_rows(report):
    return [row for _, rows in report["sections"] for row in rows]


def texts(report, row):
    return [line for column in report["columns"] for line in reports.cell(report, row, column)]


def by_platypus(report, path, faces):
    regular, bold = faces
    size = 8 if report["options"].get("long") or report["options"].get("mono") else 9
    body = ParagraphStyle("body", fontName=regular, fontSize=size, leading=size * 1.2)
    right = ParagraphStyle("right", parent=body, alignment=2)
    head = ParagraphStyle("head", parent=body, fontName=bold)
    title = ParagraphStyle("title", parent=body, fontName=bold, fontSize=15, leading=19)
    note = ParagraphStyle("note", parent=body, fontSize=7, leading=9, spaceBefore=10)
    size_of_page = landscape(A4) if report["options"].get("wide") else A4
    document = SimpleDocTemplate(path, pagesize=size_of_page, topMargin=16 * mm, bottomMargin=16 * mm,
                                 leftMargin=15 * mm, rightMargin=15 * mm, title="Laboratory report", invariant=1)
    story = [Paragraph(report["lab"], title), Paragraph("Laboratory report", body), Spacer(1, 8)]
    if report["status"] == "amended":
        story.append(Paragraph("AMENDED REPORT", head))
    story += [who(report, body, head, document.width), Spacer(1, 12)]
    columns = report["columns"]
    data = [[Paragraph(column, head) for column in columns]]
    spans = []
    for section, rows in report["sections"]:
        if len(report["sections"]) > 1 and report["layout"] not in ("flag-second", "unit-in-cell"):
            spans.append(("SPAN", (0, len(data)), (-1, len(data))))
            data.append([Paragraph(section, head)] + [""] * (len(columns) - 1))
        for row in rows:
            data.append([Paragraph("<br/>".join(escape(line) for line in reports.cell(report, row, column)),
                                   right if report["layout"] == "flag-second" and column == "Result" else body)
                         for column in columns])
    first = 0.36 if report["options"].get("long") else 0.3
    widths = [document.width * (first if i == 0 else (1 - first) / (len(columns) - 1)) for i in range(len(columns))]
    table = Table(data, colWidths=widths, repeatRows=1)
    pad = 8 if report["options"].get("roomy") else 2.5
    style = [("TOPPADDING", (0, 0), (-1, -1), pad), ("BOTTOMPADDING", (0, 0), (-1, -1), pad), *spans,
             ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e4e9ee")),
             ("VALIGN", (0, 0), (-1, -1), "MIDDLE" if report["layout"] in ("grid", "previous") else "TOP")]
    if report["layout"] in ("grid", "loinc"):
        style.append(("GRID", (0, 0), (-1, -1), 0.5, colors.grey))
    else:
        style.append(("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black))
    table.setStyle(TableStyle(style))
    story += [table, Paragraph(report["note"], note), Paragraph("End of report", note)]
    stamp = watermark if report["status"] == "preliminary" else lambda *_: None
    numbered = footer(stamp)
    document.build(story, onFirstPage=numbered, onLaterPages=numbered)


def escape(text):
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for raised, plain in (("\u00b9\u00b2", "12"), ("\u2079", "9")):
        text = text.replace("10" + raised, f"10<super>{plain}</super>")
    return text


def who(report, body, head, width):
    pairs = page.labels(report)
    if report["headerStyle"] == 2:
        data = [[Paragraph(a, head) for a, _ in pairs], [Paragraph(b, body) for _, b in pairs]]
        return Table(data, colWidths=[width / 5] * 5, hAlign="LEFT")
    if report["headerStyle"] == 1:
        return Table([[Paragraph(f"{a}: {b}", body)] for a, b in pairs], colWidths=[width], hAlign="LEFT",
                     style=TableStyle([("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)]))
    cells = [[Paragraph(a + ":", head), Paragraph(b, body)] for a, b in pairs] + [["", ""]]
    data = [cells[i] + cells[i + 1] for i in range(0, 6, 2)]
    return Table(data, colWidths=[width * part for part in (0.16, 0.34, 0.16, 0.34)], hAlign="LEFT")


def footer(stamp):
    def draw_footer(sheet, document):
        sheet.saveState()
        sheet.setFont("Helvetica", 7)
        sheet.drawString(15 * mm, 9 * mm, "Printed 2024-12-31")
        sheet.drawRightString(document.pagesize[0] - 15 * mm, 9 * mm, f"Page {document.page}")
        stamp(sheet, document)
        sheet.restoreState()
    return draw_footer


def watermark(sheet, document):
    sheet.setFont("Helvetica-Bold", 60)
    sheet.setFillColor(colors.Color(0.6, 0.6, 0.6, alpha=0.25))
    sheet.translate(document.pagesize[0] / 2, document.pagesize[1] / 2)
    sheet.rotate(45)
    sheet.drawCentredString(0, 0, "PRELIMINARY")


def by_hand(report, path, faces):
    """Row after row with drawString, dense, results right-aligned, cells drawn column by column."""
    regular, bold = faces
    sheet = canvas.Canvas(path, pagesize=A4, invariant=1)
    sheet.setTitle("Laboratory report")
    top, left = A4[1] - 20 * mm, 18 * mm
    sheet.setFont(bold, 15)
    sheet.drawString(left, top, report["lab"])
    sheet.setFont(bold, 10)
    sheet.drawString(left, top - 18, f"*** {report['status'].upper()} REPORT ***" if report["status"] else "Laboratory report")
    sheet.setFont(regular, 10)
    y = top - 40
    for label, value in page.labels(report):
        sheet.drawString(left, y, f"{label}: {value}")
        y -= 13
    y -= 16
    stops = [left, left + 78 * mm, left + 82 * mm, left + 108 * mm, left + 160 * mm]
    sheet.setFont(bold, 10)
    for column, stop in zip(report["columns"], stops):
        (sheet.drawRightString if column == "Result" else sheet.drawString)(stop, y, column)
    first = y - 18
    sheet.setFont(regular, 10)
    for index, column in enumerate(report["columns"]):
        y = first
        for row in all_rows(report):
            text = reports.cell(report, row, column)[0]
            (sheet.drawRightString if column == "Result" else sheet.drawString)(stops[index], y, text)
            y -= 13
    sheet.setFont(regular, 7)
    sheet.drawString(left, y - 12, report["note"])
    sheet.save()
