"""What tests look at in pictures."""

from pathlib import Path

from PIL import Image


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture in a file, in pixels."""
    with Image.open(path) as picture:
        return picture.size
