"""`manage.py up`: prepares the data folder, then keeps a server and this machine's main agent running until Ctrl-C.

Two lives of one process: `start` has Django and prepares; `watch` has the standard library only and stays.
"""
