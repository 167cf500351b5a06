"""The server's loops: named, supervised threads. What a turn does belongs to the apps."""
