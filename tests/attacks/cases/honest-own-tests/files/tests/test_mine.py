from calc import double


def test_mine():
    assert double(3) == 6
