"""Draw the pictures of beyond.md by the examples, into this folder: python docs/pictures.py.

The site's gallery has them too, from the same programs. These are for readers of the Markdown.
"""

import io
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

DOCS = Path(__file__).parent


def main():
    """Run each example; save its figure as PNG, with 256 colours to keep it small."""
    plt.switch_backend("Agg")
    for name in ("fill", "probabilities", "tiles", "families"):
        plt.close("all")
        runpy.run_path(str(DOCS.parent / "examples" / f"{name}.py"), run_name="__main__")
        drawn = io.BytesIO()
        plt.savefig(drawn, dpi=100)
        colours = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        colours.save(DOCS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
