"""python -m speechvq."""

from speechvq.cli import main

if __name__ == "__main__":
    main()
