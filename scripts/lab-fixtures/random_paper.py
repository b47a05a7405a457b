"""Random reports by reportlab: set by hand, character by character if need be; by a line printer; as platypus tables."""

import random

from reportlab.lib.pagesizes import A4, LETTER, landscape
from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

import page
import paper
import random_reports as content
from random_type import Type

FACES = {"sans": ("Helvetica", "Helvetica-Bold"), "serif": ("Times-Roman", "Times-Bold"), "mono": ("Courier", "Courier-Bold")}


def draw(report, path):
    if "DejaVu" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("DejaVu", paper.FOLDER + "DejaVuSans.ttf"))
        pdfmetrics.registerFont(TTFont("DejaVu-Bold", paper.FOLDER + "DejaVuSans-Bold.ttf"))
    manner = report["look"]["manner"]
    if manner < 0.55:
        by_hand(report, path)
    elif manner < 0.7:
        by_line_printer(report, path)
    else:
        by_platypus(report, path)


def faces_of(report, figures_allowed):
    """A font that has all characters: the standard ones lack the other micro sign, arrows, comparators, most exponents."""
    rest = "\u00b3\u00b2\u00b9\u2079" if figures_allowed else ""
    texts = [line for row in content.plain_rows(report) for column in report["columns"]
             for line in content.cell(report, row, column["kind"])]
    plain = all(ord(c) < 256 or c in rest + "\u2013" for text in texts for c in text)
    return FACES[report["look"]["font"]] if plain else ("DejaVu", "DejaVu-Bold")


class Sheet:
    """Pages filled from the top; each begins with the heading of the table where the laboratory repeats it."""

    def __init__(self, report, path):
        self.report, self.look = report, report["look"]
        self.faces, self.rng = faces_of(report, True), random.Random(report["name"])
        self.size = self.look["size"]
        width, height = self.rng.choice([A4, A4, LETTER])
        self.turned = self.look["rotated"]
        self.width, self.height = (height, width) if self.turned or self.look["landscape"] else (width, height)
        self.sheet = canvas.Canvas(path, pagesize=(width, height) if self.turned else (self.width, self.height), invariant=1)
        self.type = Type(self.sheet, self.look["show"], self.rng)
        self.page, self.left = 0, 16 * mm
        self.begin()

    def begin(self):
        self.page += 1
        if self.turned:
            # The paper stands upright, its content lies on the side, and the page says that it is to be turned.
            self.sheet.setPageRotation(90)
            self.sheet.transform(0, 1, -1, 0, self.height, 0)
        self.y = self.height - 18 * mm
        self.type.show(self.left, self.y, self.report["lab"], self.faces[1], 14)
        self.y -= 16
        if self.page == 1 and self.report["status"]:
            self.type.show(self.left, self.y, f"*** {self.report['status'].upper()} REPORT ***", self.faces[1], 10)
            self.y -= 14
        pairs = page.labels(self.report)
        for label, text in pairs if self.page == 1 else pairs[:3:2]:
            self.type.show(self.left, self.y, f"{label}: {text}", self.faces[0], 9)
            self.y -= 12
        self.y -= 14

    def end(self):
        self.type.show(self.left, 9 * mm, "Printed 2024-12-31", self.faces[0], 7)
        self.type.show(self.width - 40 * mm, 9 * mm, f"Page {self.page}", self.faces[0], 7)
        if self.look["stamp"]:
            self.sheet.saveState()
            self.sheet.setFont("Helvetica-Bold", 60)
            self.sheet.setFillColor(colors.Color(0.6, 0.6, 0.6, alpha=0.25))
            self.sheet.translate(self.width / 2, self.height / 2)
            self.sheet.rotate(45)
            self.sheet.drawCentredString(0, 0, "DUPLICATE")
            self.sheet.restoreState()
        self.sheet.showPage()

    def close(self):
        self.y -= 12
        self.type.show(self.left, self.y, self.report["note"], self.faces[0], 7)
        self.end()
        self.sheet.save()


def by_hand(report, path):
    sheet = Sheet(report, path)
    look, columns = report["look"], report["columns"]
    rows = [{column["kind"]: content.cell(report, row, column["kind"]) for column in columns} for row in content.plain_rows(report)]
    stops, sheet.size = set_stops(sheet, columns, rows)
    heading(sheet, columns, stops)
    cells = iter(rows)
    waiting = []
    for title, items in report["sections"]:
        if title:
            sheet.y -= 0.4 * sheet.size
            waiting.append((sheet.left, sheet.y, title, sheet.faces[1], sheet.size + (1 if look["indent"] else 0)))
            sheet.y -= sheet.size * max(look["pitch"], 1.4)
        for item in items:
            if sheet.y < 30 * mm:
                flush(sheet, waiting)
                sheet.end()
                sheet.begin()
                if look["repeatHeading"]:
                    heading(sheet, columns, stops)
            if "comment" in item:
                size = sheet.size - sheet.rng.choice([0, 1, 1.5])
                waiting.append((sheet.left + sheet.rng.choice([0, 8, 20]), sheet.y, item["comment"], sheet.faces[0], size))
                sheet.y -= sheet.size * look["pitch"]
            else:
                place_row(sheet, columns, stops, next(cells), item, waiting)
    flush(sheet, waiting)
    sheet.close()


def set_stops(sheet, columns, rows):
    """Where each column begins and ends, as narrow as its text and the gap allow, in a size that fits the page."""
    look, size = sheet.look, sheet.size
    while True:
        name_width = max(look["nameWidth"] * sheet.width, 14 * size * 0.5)
        gap = look["gap"] * size / 9
        widths = []
        for column in columns:
            kind = column["kind"]
            face = sheet.faces[1 if look["boldAbnormal"] and kind in ("value", "flag") else 0]
            texts = [sheet.type.width(line, face, size) for row in rows for line in row[kind]]
            if kind == "name":
                texts = [min(max(texts), name_width), *(sheet.type.width(word, sheet.faces[0], size) for row in rows for word in row[kind][0].split())]
            widths.append(max([*texts, sheet.type.width(column["heading"], sheet.faces[1], size)]) * 1.06)
        total = sum(widths) + gap * (len(widths) - 1)
        room = sheet.width - 2 * sheet.left
        if total <= room or size < 5.5:
            break
        size -= 0.5
    spare = max(0, room - total) / len(widths) * sheet.rng.choice([0, 0, 0.5, 1])
    stops, x = [], sheet.left
    for width in widths:
        stops.append((x, x + width))
        x += width + gap + spare
    return stops, size


def aligned(sheet, column, stop, text, face, size, align=None):
    look = sheet.look
    align = align or (look["valueAlign"] if column["kind"] in ("value", "low", "high") else "left" if column["kind"] == "name" else look["otherAlign"])
    width = sheet.type.width(text, face, size)
    return {"left": stop[0], "right": stop[1] - width, "center": (stop[0] + stop[1] - width) / 2}[align]


def heading(sheet, columns, stops):
    for column, stop in zip(columns, stops):
        align = None if sheet.look["headAlign"] == "same" else sheet.look["headAlign"]
        x = aligned(sheet, column, stop, column["heading"], sheet.faces[1], sheet.size, align)
        sheet.type.show(x, sheet.y, column["heading"], sheet.faces[1], sheet.size)
    if sheet.look["grid"] != "none":
        sheet.sheet.line(sheet.left, sheet.y - 3, stops[-1][1], sheet.y - 3)
    sheet.y -= sheet.size * max(1.5, sheet.look["pitch"])


def place_row(sheet, columns, stops, cells, item, waiting):
    look, size = sheet.look, sheet.size
    wrapped = {kind: wrap(sheet, lines, stop, size) if kind == "name" else lines
               for (kind, lines), stop in zip(cells.items(), stops)}
    most = max(len(lines) for lines in wrapped.values())
    leading = size * 1.15
    face = sheet.faces[1] if look["boldAbnormal"] and item["flag"] not in (None, "N") else sheet.faces[0]
    for column, stop in zip(columns, stops):
        lines = wrapped[column["kind"]]
        drop = {"top": 0, "middle": (most - len(lines)) / 2, "bottom": most - len(lines)}[look["valign"]] * leading
        for index, text in enumerate(lines):
            if text:
                own = face if column["kind"] in ("value", "flag") else sheet.faces[0]
                x = aligned(sheet, column, stop, text, own, size) + (look["indent"] if column["kind"] == "name" and index == 0 and False else 0)
                waiting.append((x, sheet.y - drop - index * leading, text, own, size))
    sheet.y -= (most - 1) * leading + size * max(look["pitch"], 1.35 if most > 1 else 0)


def wrap(sheet, lines, stop, size):
    wrapped = []
    for line in lines:
        words = line.split(" ")
        current = words[0]
        for word in words[1:]:
            if sheet.type.width(f"{current} {word}", sheet.faces[0], size) > stop[1] - stop[0] + 0.1:
                wrapped.append(current)
                current = word
            else:
                current += " " + word
        wrapped.append(current)
    return wrapped


def flush(sheet, waiting):
    """Draws what a page holds in the order that this laboratory's program has."""
    order = sheet.look["order"]
    if order == "columns":
        waiting.sort(key=lambda piece: (round(piece[0]), -piece[1]))
    elif order == "shuffled":
        sheet.rng.shuffle(waiting)
    for x, y, text, face, size in waiting:
        sheet.type.show(x, y, text, face, size)
    waiting.clear()


def line_printer(report):
    """The report as lines of characters in columns of fixed width, with the page breaks."""
    columns, look = report["columns"], report["look"]
    rows = [[" / ".join(content.cell(report, row, column["kind"])) for column in columns] for row in content.plain_rows(report)]
    gap = 2 if look["gap"] < 10 else 4
    widths = [max(len(column["heading"]), *(len(row[i]) for row in rows)) + gap for i, column in enumerate(columns)]

    def line(cells):
        pieces = []
        for column, width, text in zip(columns, widths, cells):
            right = column["kind"] == "value" and look["valueAlign"] == "right"
            pieces.append(text.rjust(width - gap) + " " * gap if right else text.ljust(width))
        return "".join(pieces).rstrip()

    head = [line([column["heading"] for column in columns])]
    if look["grid"] != "none":
        head.append("-" * len(head[0]))
    body, drawn = [], iter(rows)
    for title, items in report["sections"]:
        body += ["", title] if title else []
        body += ["  " + item["comment"] if "comment" in item else line(next(drawn)) for item in items]
    return head, body


def merged_ranges(report):
    """A line printer sets a range of two lines into one."""
    for row in content.plain_rows(report):
        if row["range"] and len(row["range"]["lines"]) > 1:
            row["range"]["lines"] = [" / ".join(row["range"]["lines"])]


def by_line_printer(report, path):
    report["look"].update(font="mono", show="string", landscape=True, rotated=False)
    merged_ranges(report)
    sheet = Sheet(report, path)
    head, body = line_printer(report)
    if sheet.faces[0] != "Courier":
        sheet.faces = ("DejaVu-Mono", "DejaVu-Mono")
        if "DejaVu-Mono" not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont("DejaVu-Mono", paper.FOLDER + "DejaVuSansMono.ttf"))
    longest = max(len(line) for line in head + body)
    size = min(sheet.size, (sheet.width - 2 * sheet.left) / longest / 0.605)
    pending = list(body)
    while True:
        for line in head:
            sheet.type.show(sheet.left, sheet.y, line, sheet.faces[0], size)
            sheet.y -= size * 1.2
        while pending and sheet.y > 28 * mm:
            line = pending.pop(0)
            if line:
                sheet.type.show(sheet.left, sheet.y, line, sheet.faces[0], size)
            sheet.y -= size * 1.2
        if not pending:
            break
        sheet.end()
        sheet.begin()
    sheet.close()


def by_platypus(report, path):
    look, columns = report["look"], report["columns"]
    regular, bold = faces_of(report, False)
    size = look["size"] if len(columns) < 7 else 7
    styles = {align: ParagraphStyle(align, fontName=regular, fontSize=size, leading=size * 1.2, alignment=number)
              for number, align in enumerate(("left", "center", "right"))}
    head = ParagraphStyle("head", parent=styles["left"], fontName=bold)
    title = ParagraphStyle("title", parent=head, fontSize=15, leading=19)
    note = ParagraphStyle("note", parent=styles["left"], fontSize=7, leading=9, spaceBefore=10)
    document = SimpleDocTemplate(path, pagesize=landscape(A4) if look["landscape"] or len(columns) > 6 else A4, topMargin=16 * mm,
                                 bottomMargin=16 * mm, leftMargin=15 * mm, rightMargin=15 * mm, invariant=1)
    story = [Paragraph(report["lab"], title), Paragraph("Laboratory report", styles["left"]), Spacer(1, 8)]
    if report["status"]:
        story.append(Paragraph(f"{report['status'].upper()} REPORT", head))
    story += [paper.who(report, styles["left"], head, document.width), Spacer(1, 12)]
    aligns = [look["valueAlign"] if column["kind"] in ("value", "low", "high") else "left" if column["kind"] == "name" else look["otherAlign"]
              for column in columns]
    data = [[Paragraph(column["heading"], ParagraphStyle("h", parent=head, alignment=styles[align if look["headAlign"] == "same" else "left"].alignment))
             for column, align in zip(columns, aligns)]]
    commands = []
    for section, items in report["sections"]:
        spanning = [(section, head)] if section else []
        for item in [*spanning, *items]:
            if isinstance(item, tuple) or "comment" in item:
                text, style = item if isinstance(item, tuple) else (item["comment"], note)
                commands.append(("SPAN", (0, len(data)), (-1, len(data))))
                data.append([Paragraph(text, style)] + [""] * (len(columns) - 1))
                continue
            data.append([Paragraph("<br/>".join(paper.escape(line) for line in content.cell(report, item, column["kind"])), styles[align])
                         for column, align in zip(columns, aligns)])
    name = max(look["nameWidth"], 0.2)
    weights = [{"name": 0, "range": 1.6, "value": 1.4 if look["unit"] == "column" else 2.2, "method": 1.3}.get(column["kind"], 1) for column in columns]
    widths = [document.width * (name if not weight else (1 - name) * weight / sum(weights)) for weight in weights]
    table = Table(data, colWidths=widths, repeatRows=1 if look["repeatHeading"] else 0)
    pad = 1 + 3 * (look["pitch"] - 1.15)
    commands += [("TOPPADDING", (0, 0), (-1, -1), pad), ("BOTTOMPADDING", (0, 0), (-1, -1), pad),
                 ("VALIGN", (0, 0), (-1, -1), look["valign"].upper())]
    if look["grid"] == "all":
        commands.append(("GRID", (0, 0), (-1, -1), 0.5, colors.grey))
    table.setStyle(TableStyle(commands))
    story += [table, Paragraph(report["note"], note), Paragraph("End of report", note)]
    numbered = paper.footer(lambda *_: None)
    document.build(story, onFirstPage=numbered, onLaterPages=numbered)
