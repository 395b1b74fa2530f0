"""Builds the compiled hot path; everything else about the package is in pyproject.toml.

``ENGINE_DEBUG=1`` compiles the assertions in, checks every array bound and lets line
tracers see the code. Generated C goes to ``build/cython``, never beside the sources.
"""

import os
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("ENGINE_DEBUG") == "1"

DIRECTIVES = {
    "language_level": "3",
    "embedsignature": True,
    "boundscheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": DEBUG,
    "linetrace": DEBUG,
    "freethreading_compatible": False,
}

# Values are those of IEEE arithmetic, operation by operation, on every processor: no fused
# multiply-add, so that an indicator gives the same bits wherever it runs. Nobody reads errno or
# the processor's flags after arithmetic; without them, loops may compute both sides of a choice.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]

extensions = [
    Extension(
        f"_fast.{source.stem}",
        [str(source)],
        include_dirs=[numpy.get_include()],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("FAST_DEBUG", str(int(DEBUG))),
            *([("CYTHON_TRACE_NOGIL", "1")] if DEBUG else []),
        ],
        extra_compile_args=["-O0", "-g"] if DEBUG else FLAGS,
    )
    for source in sorted(Path("_fast").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        annotate=DEBUG,
        force=DEBUG,
    ),
    options={"build_ext": {"parallel": True}},
)
