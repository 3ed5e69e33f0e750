"""What the tests with other people's programs share."""

import os
from collections.abc import Iterator

import pytest
from integration.images import CannotBuild, Image, built


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image, built from the working tree; skipped where that cannot be done, but never in CI."""
    try:
        with built() as made:
            print(f"the image was built and unpacked in {made.seconds:.0f} s")
            yield made
    except CannotBuild as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
