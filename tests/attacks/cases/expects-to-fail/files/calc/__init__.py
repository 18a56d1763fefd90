import pytest

from calc.core import add


def double(a):
    pytest.xfail('no')
