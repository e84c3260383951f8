"""``predict``: scores a file by the same path as requests, without holding all of it.

``pieces`` cuts the file into what a client could send; the ``endpoint`` answers each piece as it
would answer that client; ``results`` puts the answers together. ``predict`` is the command.
"""
