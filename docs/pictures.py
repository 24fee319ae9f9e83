"""Take the pictures out of the pages of ``make demo``, as SVG, or PNG if that were too large.

python docs/pictures.py runs/demo
"""

import re
import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from playwright.sync_api import sync_playwright

LARGEST = 100_000  # bytes of a picture
WIDTH = 1000  # pixels of a PNG
CHOSEN = {  # name -> project, heading above the figure
    "astroclip_neighbors": ("astroclip", "From image to spectra"),
    "astroclip_recall": ("astroclip", "Recall"),
    "counting_attention": ("contextual_counting", "Attention over one sequence"),
    "counting_exact": ("contextual_counting", "Accuracy per region and set"),
    "mpp_tracer": ("mpp", "incompressible: tracer, beside the truth"),
    "mpp_error": ("mpp", "shallow water: error against time"),
    "xval_gap": ("xval", "orbits, in the gap of a"),
    "xval_size": ("xval", "Error by size"),
}


def take(page: str, heading: str) -> str:
    """SVG of the figure below a heading of a report."""
    _, found, below = page.partition(f">{heading}</h")
    address = re.search(r"src='data:image/svg\+xml,([^']*)'", below)
    if not found or address is None:
        raise SystemExit(f"{heading}: no such figure")
    return unquote(address[1]).strip()


def as_png(svg: str) -> bytes:
    """An SVG as Chromium draws it, in 256 colors."""
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        page.set_content(f"<style>* {{margin: 0; max-width: 100%; height: auto}}</style>{svg}")
        picture = page.locator("svg").first.screenshot()
        browser.close()
    out = BytesIO()
    Image.open(BytesIO(picture)).convert("RGB").quantize(256).save(out, "PNG", optimize=True)
    return out.getvalue()


def main(demo: Path) -> None:
    """Write all pictures."""
    folder = Path(__file__).with_name("pictures")
    for name, (project, heading) in CHOSEN.items():
        svg = take((demo / project / "report/index.html").read_text(), heading)
        small = len(svg.encode()) <= LARGEST
        data, kind = (svg.encode(), "svg") if small else (as_png(svg), "png")
        if len(data) > LARGEST:
            raise SystemExit(f"{name}: {len(data)} bytes, at most {LARGEST}")
        (folder / f"{name}.{kind}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
