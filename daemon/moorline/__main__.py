"""`moorline` and `python -m moorline`."""

from moorline.cli.app import app

__all__ = ["main"]


def main() -> None:
    """Run the command line; always ends in SystemExit."""
    app(prog_name="moorline")


if __name__ == "__main__":
    main()
