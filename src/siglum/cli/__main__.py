"""The entry point. `siglum --version` is answered here, before any other package is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from siglum import __version__

        sys.stdout.write(f"siglum {__version__}\n")
        sys.exit(0)
    from siglum.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
