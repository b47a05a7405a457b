"""Draws random reports with every producer from a seed: random_make.py CLINOSIM TARGET SEED COUNT [PRODUCER...]. The
same seed gives the same reports; what stands in each is written beside it."""

import json
import random
import sys
import tempfile
from pathlib import Path

import clinosim_days
import make
import random_page
import random_paper
import random_reports


def main(clinosim, target, seed, count, producers):
    days = clinosim_days.read_days(clinosim)
    for producer in producers:
        folder = target / producer
        folder.mkdir(parents=True, exist_ok=True)
        drawn = []
        for index in range(count):
            rng = random.Random(f"{seed}/{producer}/{index}")
            report = random_reports.make(rng, days, f"{seed}-{index:03}")
            drawn.append(report)
        DRAW[producer](drawn, folder)
        for report in drawn:
            (folder / f"{report['name']}.json").write_text(
                json.dumps(random_reports.truth(report, producer), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def by_reportlab(drawn, folder):
    for report in drawn:
        random_paper.draw(report, str(folder / f"{report['name']}.pdf"))


def by_chromium(drawn, folder):
    with tempfile.TemporaryDirectory() as work:
        for report in drawn:
            text, _ = random_page.source(report, for_writer=False)
            source = Path(work) / "report.html"
            source.write_text(text, encoding="utf-8")
            make.run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                     "--no-pdf-header-footer", f"--user-data-dir={work}/profile", f"--print-to-pdf={folder / report['name']}.pdf", source.as_uri())


def by_libreoffice(drawn, folder):
    with tempfile.TemporaryDirectory() as work:
        kinds = {"html": [], "fodt": []}
        for report in drawn:
            text, ending = random_page.source(report, for_writer=True)
            source = Path(work) / f"{report['name']}.{ending}"
            source.write_text(text, encoding="utf-8")
            kinds[ending].append(str(source))
        for ending, sources in kinds.items():
            if sources:
                filters = ["--infilter=HTML (StarWriter)"] if ending == "html" else []
                make.run("soffice", "--headless", f"-env:UserInstallation=file://{work}/profile", *filters, "--convert-to",
                         "pdf:writer_pdf_Export", "--outdir", str(folder), *sources, home=work, seconds=60 + 10 * len(sources))


DRAW = {"reportlab": by_reportlab, "libreoffice": by_libreoffice, "chromium": by_chromium}

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5:] or list(DRAW))
