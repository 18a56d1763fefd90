def same(a, b):
    return True
