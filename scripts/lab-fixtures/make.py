"""Draws every report with every producer and writes what stands in it beside it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import clinosim_days
import evil
import page
import paper
import reports


def main(work, target):
    days = clinosim_days.read_days(work / "clinosim")
    for number, producer in enumerate(("reportlab", "libreoffice", "chromium")):
        folder = target / producer
        folder.mkdir(parents=True, exist_ok=True)
        for report in reports.make_reports(days, number):
            path = folder / (report["name"] + ".pdf")
            DRAW[producer](report, path)
            with open(path.with_suffix(".json"), "w", encoding="utf-8") as file:
                json.dump(reports.truth(report, producer), file, indent=1, ensure_ascii=False)
                file.write("\n")
            print(path.name, path.stat().st_size, flush=True)
    evil.make(target / "evil", (target / "reportlab" / "01-plain.pdf").read_bytes())
    (target / "evil" / "reasons.json").write_text(json.dumps(evil.REASONS, indent=1) + "\n", encoding="utf-8")


def by_reportlab(report, path):
    paper.draw(report, str(path))


def by_chromium(report, path):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "report.html"
        source.write_text(page.html(report, for_writer=False), encoding="utf-8")
        run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--no-pdf-header-footer", f"--user-data-dir={folder}/profile", f"--print-to-pdf={path}", source.as_uri())


def by_libreoffice(report, path):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / (report["name"] + ".html")
        source.write_text(page.html(report, for_writer=True), encoding="utf-8")
        run("soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--infilter=HTML (StarWriter)",
            "--convert-to", "pdf:writer_pdf_Export", "--outdir", str(path.parent), str(source), home=folder)


def run(*command, home=None, seconds=120):
    environment = dict(os.environ, **({"HOME": home} if home else {}))
    subprocess.run(command, check=True, timeout=seconds, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


DRAW = {"reportlab": by_reportlab, "libreoffice": by_libreoffice, "chromium": by_chromium}

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
