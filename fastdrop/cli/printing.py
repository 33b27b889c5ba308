"""Names as they can be shown: those of files may hold line ends, and codes that terminals obey."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Return a text with escapes for whatever is not printed as itself.

    Examples
    --------
    >>> print(one_line("x\ny.npy"))
    x\ny.npy
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
