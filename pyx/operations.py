"""The table of operations, and the source files that are made from it when fastdrop is built.

An operation is what is done to the 64 elements that a keep word decides. To add a dtype or an
operation, add a line here and, if its computation is new, a function to apply.h.
"""

from pathlib import Path
from typing import NamedTuple


class Operation(NamedTuple):
    """One operation.

    A kept element goes through `compute`, a function of apply.h, and through its shift if `shifts`.
    A dropped one becomes 0 or, if `fills`, what the call says. The choice between kept and dropped
    is made by units of `unit` bits, `units` to an element. An operation with a `dtype` is for that
    dtype; one without selects any element of its size.
    """

    name: str
    unit: int
    units: int
    compute: str
    shifts: bool = False
    dtype: str = ""
    fills: bool = False


OPERATIONS = [
    Operation("select1", 8, 1, "fd_as_is"),
    Operation("select2", 16, 1, "fd_as_is"),
    Operation("select4", 32, 1, "fd_as_is"),
    Operation("select8", 64, 1, "fd_as_is"),
    Operation("select16", 64, 2, "fd_as_is"),
    Operation("select32", 64, 4, "fd_as_is"),
    Operation("scale_float16", 16, 1, "fd_float16", False, "float16"),
    Operation("scale_bfloat16", 16, 1, "fd_bfloat16", False, "bfloat16"),
    Operation("scale_float32", 32, 1, "fd_float32", False, "float32"),
    Operation("scale_float64", 64, 1, "fd_float64", False, "float64"),
    Operation("scale_complex64", 32, 2, "fd_float32", False, "complex64"),
    Operation("scale_complex128", 64, 2, "fd_float64", False, "complex128"),
    Operation("shift_float16", 16, 1, "fd_float16", True, "float16", True),
    Operation("shift_bfloat16", 16, 1, "fd_bfloat16", True, "bfloat16", True),
    Operation("shift_float32", 32, 1, "fd_float32", True, "float32", True),
    Operation("shift_float64", 64, 1, "fd_float64", True, "float64", True),
]
OPERATIONS += [o._replace(name=f"{o.name}_fill", fills=True) for o in OPERATIONS if not o.fills]


def table_h():
    """FD_OPERATIONS, the table as a macro, for apply.h."""
    rows = [
        f"    each({o.name}, {o.unit}, {o.units}, {o.compute}, {int(o.shifts)}, {int(o.fills)})"
        for o in OPERATIONS
    ]
    return " \\\n".join(["#define FD_OPERATIONS(each)", *rows]) + "\n"


def operations_pxd():
    """Declare the numbers of the operations, and the types of their elements."""
    numbers = [f"    {o.name.upper()}" for o in OPERATIONS]
    structs = [f"    ctypedef struct fd_{o.name}:\n        pass" for o in OPERATIONS]
    types = [f"    fd_{o.name}" for o in OPERATIONS]
    return "\n".join(
        [
            *("cdef enum:", "    PACK = 0  # makes a packed mask; in a table of operations: none"),
            *(*numbers, "    OPERATION_COUNT", ""),
            *(
                'cdef extern from "apply.h" nogil:',
                "    ctypedef struct fd_packed:",
                "        pass",
            ),
            *(*structs, "", "ctypedef fused element:", "    fd_packed", *types, ""),
        ]
    )


DROP = """
cdef void drop_{name}(
    const char *x, char *y, Py_ssize_t size, Stream *stream, const KernelArgs *args, bint past
) noexcept nogil:
    if past:
        drop_run(<const fd_{name} *> x, <fd_{name} *> y, size, stream, args, True)
    else:
        drop_run(<const fd_{name} *> x, <fd_{name} *> y, size, stream, args, False)

drop_by[{number}] = drop_{name}
"""

APPLY = """
cdef void apply_{name}(
    const char *x, char *y, Py_ssize_t size, const uint64_t *keep, Py_ssize_t at,
    const KernelArgs *args, bint past
) noexcept nogil:
    if past:
        apply_run(<const fd_{name} *> x, <fd_{name} *> y, size, keep, at, args, True)
    else:
        apply_run(<const fd_{name} *> x, <fd_{name} *> y, size, keep, at, args, False)

apply_by[{number}] = apply_{name}
"""


EACH = """
cdef void apply_each_{name}(
    const char *x, char *y, Py_ssize_t size, const uint64_t *keep, Py_ssize_t at,
    const char *fill, const char *scales, const KernelArgs *args, bint past
) noexcept nogil:
    cdef:
        const fd_{name} *source = <const fd_{name} *> x
        const fd_{name} *filling = <const fd_{name} *> fill

    if past:
        apply_each_run(source, <fd_{name} *> y, size, keep, at, filling, scales, args, True)
    else:
        apply_each_run(source, <fd_{name} *> y, size, keep, at, filling, scales, args, False)

each_by[{number}] = apply_each_{name}
scale_bytes_by[{number}] = {scale_bytes}
"""


def dispatch_pxi():
    """Define the functions of each operation, and fill the tables that hold them."""
    wrappers = [DROP.format(name="packed", number="PACK")]
    for o in OPERATIONS:
        texts = [DROP, APPLY] if o.fills else [DROP, APPLY, EACH]
        names = {"name": o.name, "number": o.name.upper(), "scale_bytes": 8 if o.unit == 64 else 4}
        wrappers += [text.format(**names) for text in texts]
    return "".join(wrappers)


def lookup_pxi():
    """Fill the tables by which a call finds its operation."""
    lines = []
    for o in OPERATIONS:
        number = o.name.upper()
        if o.fills and not o.shifts:
            lines.append(f"fill_by[{number.removesuffix('_FILL')}] = {number}")
        elif not o.dtype:
            lines.append(f"select_by[{o.unit * o.units // 8}] = {number}")
        else:
            lines.append(f"{'shift' if o.shifts else 'scale'}_by[{o.dtype.upper()}] = {number}")
        if o.shifts:
            lines.append(f"bits_by[{number}] = fd_bits_{o.dtype}")
    return "\n".join(lines) + "\n"


def render(folder):
    """Write the files that are made from the table into a folder."""
    files = {
        "operations.h": table_h(),
        "operations.pxd": operations_pxd(),
        "dispatch.pxi": dispatch_pxi(),
        "lookup.pxi": lookup_pxi(),
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        Path(folder, name).write_text(text)
