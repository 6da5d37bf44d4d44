"""python -m speechvq."""

from speechvq.cli import main

main()
