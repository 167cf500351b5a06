"""`manage.py up`: prepares the data folder, then keeps a server and this machine's main agent running until Ctrl-C."""
