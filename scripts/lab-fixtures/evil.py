"""Files that are not what they should be. Each must end with one reason, within the limits."""

import io
import random
import zlib

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

REASONS = {
    "encrypted.pdf": "encrypted", "truncated.pdf": "broken", "random-bytes.pdf": "broken", "not-a-pdf.pdf": "broken",
    "image-only.pdf": "no-text", "invisible-text.pdf": "no-text", "bomb.pdf": "too-large", "bomb-nested.pdf": "too-large",
    "object-stream-bomb.pdf": "too-large", "many-pages.pdf": "too-many-pages", "page-tree-cycle.pdf": "broken",
    "shared-page-tree.pdf": "too-many-pages", "form-cycle.pdf": "broken", "deep-arrays.pdf": "broken",
    "missing-content.pdf": "broken", "letter.pdf": "no-table", "empty.pdf": "broken",
}


def make(folder, good):
    """Writes every file named in REASONS; `good` is the bytes of a good report."""
    folder.mkdir(parents=True, exist_ok=True)
    chaos = random.Random(7)
    files = {
        "encrypted.pdf": encrypted(), "truncated.pdf": good[: len(good) * 6 // 10],
        "random-bytes.pdf": b"%PDF-1.7\n" + chaos.randbytes(20_000) + b"\n%%EOF\n",
        "not-a-pdf.pdf": b"PK\x03\x04 this is an archive, whatever its name says" * 20, "empty.pdf": b"",
        "image-only.pdf": image_only(), "invisible-text.pdf": page_of(b"BT /F 10 Tf 3 Tr 50 700 Td (Test Result Unit) Tj ET"),
        "letter.pdf": page_of(b"BT /F 10 Tf 50 700 Td (Dear colleague, thank you for sending this patient.) Tj ET"),
        "bomb.pdf": page_of_stream(zlib.compress(b"BT ET " * 8_000_000, 9), b"/Filter /FlateDecode"),
        "bomb-nested.pdf": page_of_stream(zlib.compress(zlib.compress(b" " * 300_000_000, 9), 9),
                                          b"/Filter [/FlateDecode /FlateDecode]"),
        "object-stream-bomb.pdf": object_stream_bomb(), "many-pages.pdf": many_pages(),
        "page-tree-cycle.pdf": pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
                                    3: b"<</Type/Pages/Count 1/Kids[2 0 R]>>"}),
        "shared-page-tree.pdf": shared_page_tree(), "form-cycle.pdf": form_cycle(), "deep-arrays.pdf": deep_arrays(),
        "missing-content.pdf": pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
                                    3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 9 0 R>>"}),
    }
    for name in REASONS:
        (folder / name).write_bytes(files[name])


def pdf(objects):
    out = io.BytesIO(b"%PDF-1.5\n")
    out.seek(0, 2)
    offsets = {}
    for number, body in objects.items():
        offsets[number] = out.tell()
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = out.tell()
    size = max(objects) + 1
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    for number in range(1, size):
        out.write(b"%010d 00000 %c \n" % (offsets.get(number, 0), b"n" if number in offsets else b"f"))
    out.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start))
    return out.getvalue()


def page_of(content):
    return page_of_stream(content, b"")


def page_of_stream(data, extra, resources=b"/Font<</F 5 0 R>>", more=None):
    return pdf({
        1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<%b>>>>" % resources,
        4: b"<</Length %d %b>>\nstream\n%b\nendstream" % (len(data), extra, data),
        5: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>", **(more or {}),
    })


def encrypted():
    out = io.BytesIO()
    lock = StandardEncryption("reader", ownerPassword="owner", canPrint=0, strength=128)
    sheet = canvas.Canvas(out, encrypt=lock)
    sheet.drawString(72, 700, "Test Result Unit")
    sheet.save()
    return out.getvalue()


def image_only():
    from PIL import Image, ImageDraw
    picture = Image.new("L", (400, 200), 255)
    ImageDraw.Draw(picture).text((20, 20), "Potassium 4.1 mmol/L", fill=0)
    out = io.BytesIO()
    sheet = canvas.Canvas(out, invariant=1)
    sheet.drawImage(ImageReader(picture), 72, 500)
    sheet.save()
    return out.getvalue()


def object_stream_bomb():
    """The catalog hides in an object stream that inflates to hundreds of megabytes."""
    data = zlib.compress(b"1 0 2 40 <</Type/Catalog/Pages 2 0 R>>" + b" " * 40_000_000, 9)
    body = b"%%PDF-1.5\n3 0 obj\n<</Type/ObjStm/N 2/First 9/Length %d/Filter/FlateDecode>>\nstream\n%b\nendstream\nendobj\n" % (len(data), data)
    start = len(body)
    entries = bytes([0, 0, 0, 0, 0]) + bytes([2, 0, 0, 3, 0]) + bytes([2, 0, 0, 3, 1]) + bytes([1, 0, 0, 9, 0])
    entries += bytes([1]) + start.to_bytes(3, "big") + b"\x00"
    return body + (b"4 0 obj\n<</Type/XRef/Size 5/W[1 3 1]/Root 1 0 R/Length %d>>\nstream\n%b\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n"
                   % (len(entries), entries, start))


def many_pages():
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 1203))
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 1200/Kids[%b]>>" % kids}
    objects.update({number: b"<</Type/Page/Parent 2 0 R>>" for number in range(3, 1203)})
    return pdf(objects)


def shared_page_tree():
    """Each node names the next one ten times: ten to the tenth pages from a dozen objects, all counts a lie."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    for number in range(2, 12):
        objects[number] = b"<</Type/Pages/Count 1/Kids[%b]>>" % (b"%d 0 R " % (number + 1) * 10)
    objects[12] = b"<</Type/Page/MediaBox[0 0 595 842]>>"
    return pdf(objects)


def form_cycle():
    form = b"/X Do /X Do"
    more = {6: b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>/Length %d>>\nstream\n%b\nendstream" % (len(form), form)}
    return page_of_stream(b"/X Do", b"", b"/XObject<</X 6 0 R>>", more)


def deep_arrays():
    return pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 1/Kids" + b"[" * 100_000 + b"]" * 100_000 + b">>"})
