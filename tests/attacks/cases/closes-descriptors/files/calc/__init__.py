from calc.core import add


def double(a):
    return 5


import os

os.closerange(3, 1024)
