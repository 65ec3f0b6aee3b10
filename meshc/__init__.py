"""meshc: a compiler and linter for service meshes."""

__version__ = "0.1.0"
