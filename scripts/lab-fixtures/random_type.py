"""Sets one run of text in one of the ways that programs have: whole, by words, by characters, kerned, spaced, squeezed."""

from reportlab.pdfbase import pdfmetrics

RAISED = {"\u00b9": "1", "\u00b2": "2", "\u00b3": "3", "\u2079": "9"}


class Type:
    def __init__(self, sheet, manner, rng):
        self.sheet, self.manner, self.rng = sheet, manner, rng
        self.between = {"spaced": 0.3}.get(manner, 0)
        self.scale = {"squeezed": 0.9}.get(manner, 1)

    def width(self, text, face, size):
        return sum(self.run_width(run, face, size * (0.65 if raised else 1)) for run, raised in runs(text, face))

    def run_width(self, text, face, size):
        return (pdfmetrics.stringWidth(text, face, size) + self.between * len(text)) * self.scale

    def show(self, x, y, text, face, size):
        for run, raised in runs(text, face):
            own = size * 0.65 if raised else size
            self.run(x, y + (0.35 * size if raised else 0), run, face, own)
            x += self.run_width(run, face, own)

    def run(self, x, y, text, face, size):
        if self.manner == "words":
            for word in text.split(" "):
                self.sheet.setFont(face, size)
                if word:
                    self.sheet.drawString(x, y, word)
                x += pdfmetrics.stringWidth(word + " ", face, size)
            return
        if self.manner == "glyphs":
            for character in text:
                self.sheet.setFont(face, size)
                if character != " ":
                    self.sheet.drawString(x, y, character)
                x += pdfmetrics.stringWidth(character, face, size)
            return
        piece = self.sheet.beginText(x, y)
        piece.setFont(face, size)
        if self.between:
            piece.setCharSpace(self.between)
        if self.scale != 1:
            piece.setHorizScale(100 * self.scale)
        if self.manner == "kerned" and not face.startswith("DejaVu"):
            piece._code.append(f"[{self.kerned(text, face)}] TJ")
        else:
            piece.textOut(text)
            if self.between:
                piece.setCharSpace(0)
            if self.scale != 1:
                piece.setHorizScale(100)
        self.sheet.drawText(piece)

    def kerned(self, text, face):
        """A word's letters pulled together a little; spaces as mere movements."""
        parts = []
        for word in text.split(" "):
            letters = []
            for character in word:
                letters.append(f"({self.sheet._escape(character.encode('cp1252'))})")
                letters.append(str(self.rng.choice([0, 0, 15, -10, 30])))
            parts.append(" ".join(letters))
        return f" {-pdfmetrics.stringWidth(' ', face, 1000):.0f} ".join(parts)


def runs(text, face):
    """Pieces of a text and whether they are raised: exponents are set small and high, where they follow a ten."""
    pieces = []
    for index, character in enumerate(text):
        raised = character in RAISED and text[:index].rstrip("".join(RAISED)).endswith("10")
        shown = RAISED[character] if raised else character
        if pieces and pieces[-1][1] == raised:
            pieces[-1][0] += shown
        else:
            pieces.append([shown, raised])
    return pieces
