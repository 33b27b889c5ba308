"""The command `fastdrop info`: what was built, and what this machine gives."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
from typing import Any

import fastdrop

PACKAGES = ("numpy", "ml_dtypes", "torch", "dask", "zarr", "tqdm", "matplotlib")


def info(options: argparse.Namespace) -> None:
    """Print what a bug report needs, as text or as JSON."""
    environment = describe_environment()
    if options.json:
        print(json.dumps({**fastdrop.show_config("dicts"), **environment}, indent=2))
        return
    fastdrop.show_config()
    packages = environment.pop("packages")
    for name, value in {**environment, **packages}.items():
        print(f"{name}: {value or 'not installed'}")


def describe_environment() -> dict[str, Any]:
    """Return the versions of Python and of packages, the system, and the processors."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "processor": processor(),
        "processors": usable_processors(),
        "packages": {name: installed_version(name) for name in PACKAGES},
    }


def processor() -> str:
    """Return the name of the CPU, as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:  # another system than Linux
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def usable_processors() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed_version(package: str) -> str | None:
    """Return the version of a package, without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
