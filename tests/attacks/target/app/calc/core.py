"""What the package can do."""


def add(a, b):
    """The sum."""
    return a + b
