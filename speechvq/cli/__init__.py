"""The command line. Each command reads its options, calls the library and prints a line."""


def main() -> None:
    """Run a command, and end the process with the exit code that docs/command-line.md lists."""
    from speechvq.cli import signals

    signals.start()
    from speechvq.cli.commands import app
    from speechvq.cli.program import run

    run(app, "speechvq")
