"""The version of the package, as its metadata has it."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("statechart-order-engine")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "0+source"
