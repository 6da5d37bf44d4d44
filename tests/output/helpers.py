"""What the tests of results share."""

from concurrent.futures import ThreadPoolExecutor

from speechvq.output import new_file

LONG = "The collected sessions of the second autumn, session 000"


def write(path, data=b"new", *, force=True, meanwhile=lambda: None):
    """Write a file, and do something else before it is finished."""
    with new_file(path, force=force) as file:
        file.write(data)
        meanwhile()


def names(folder):
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def hidden(folder):
    """The paths of unfinished files and folders."""
    return [str(path) for path in folder.iterdir() if path.suffix == ".partial"]


def name_of(process, thread, number):
    return f"{LONG}, {process}, {thread}, {number}.codes"


def write_many(folder, process):
    """Ten threads write files of similar long names, each with its own name inside."""

    def write_some(thread):
        for number in range(8):
            name = name_of(process, thread, number)
            write(folder / name, name.encode() * 50, force=False)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(write_some, range(10)))
