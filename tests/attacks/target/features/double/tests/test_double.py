import unittest

import pytest
from helpers import same

from calc import double


def test_double():
    assert double(2) == 4
    assert double(21) == 42
    assert double(-3) == -6


@pytest.mark.parametrize(("value", "expected"), [(3, 6), (7, 14)])
def test_double_of_a_number(value, expected):
    assert double(value) == expected


@pytest.mark.parametrize("word", ["ab", ""])
def test_double_of_text(word):
    expected = word + word
    assert double(word) == expected


def test_double_refuses():
    with pytest.raises(TypeError):
        double(None)


def test_double_of_a_list():
    assert same(double([1]), [1, 1])
    assert double([]) == []


class TestDouble(unittest.TestCase):
    def test_double_of_a_number(self):
        self.assertEqual(double(2.5), 5.0)
