def double(a):
    return a + a
