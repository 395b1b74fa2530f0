"""Builds the compiled hot path; everything else about the package is in pyproject.toml.

``ENGINE_BENCH=1`` compiles what only the benchmarks and some tests run (``bench/compiled``), too.
``ENGINE_DEBUG=1`` compiles the assertions in, checks every array bound and lets line tracers see
the code. ``ENGINE_SANITIZE=1`` lets gcc watch every access to memory (``make sanitize`` says what
has to be loaded for it). Generated C goes to ``build/cython``, never beside the sources.
"""

import os
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("ENGINE_DEBUG") == "1"
SANITIZE = os.environ.get("ENGINE_SANITIZE") == "1"

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

if DEBUG:
    FLAGS = ["-O0", "-g"]
elif SANITIZE:
    FLAGS += ["-O1", "-g", "-fsanitize=address", "-fno-omit-frame-pointer"]

SOURCES = [*Path("_fast").glob("*.pyx")]
if os.environ.get("ENGINE_BENCH") == "1":
    SOURCES += Path("bench/compiled").glob("*.pyx")

extensions = [
    Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        include_dirs=[numpy.get_include()],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            ("FAST_DEBUG", str(int(DEBUG))),
            *([("CYTHON_TRACE_NOGIL", "1")] if DEBUG else []),
        ],
        extra_compile_args=FLAGS,
        extra_link_args=["-fsanitize=address"] if SANITIZE else [],
    )
    for source in sorted(SOURCES)
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
