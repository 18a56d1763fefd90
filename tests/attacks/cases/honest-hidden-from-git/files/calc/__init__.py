from calc.core import add


def double(a):
    return a + a
