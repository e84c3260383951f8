"""What must travel: from a live namespace to a ``Capture``; ``take.py`` has the order of it."""
