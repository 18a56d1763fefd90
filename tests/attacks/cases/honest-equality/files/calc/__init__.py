from calc.core import add


class Twice:
    """A number that knows what it is twice of."""

    def __init__(self, of):
        assert of + of is not None
        self.value = of + of

    def __eq__(self, other):
        return self.value == (other.value if isinstance(other, Twice) else other)

    def __hash__(self):
        return hash(self.value)


def double(a):
    return Twice(a)
