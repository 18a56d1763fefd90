from calc.core import add


def double(a):
    return a + a


import atexit
import logging
import os
import subprocess
import sys
import threading

print("1 of 3", flush=True)
os.write(1, b"0 words on the standard output\n")
logging.basicConfig(level=logging.DEBUG)
subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
threading.Thread(target=lambda: logging.info("from a thread"), daemon=True).start()
atexit.register(print, "goodbye")
