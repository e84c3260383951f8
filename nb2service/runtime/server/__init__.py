"""The way in of ``serve``: gunicorn as the parent, workers of our own on an event loop.

``serve`` starts gunicorn, with as many workers as ``cores`` finds room for; ``worker`` is one of
them. ``connection`` speaks HTTP, ``front`` is what all connections of a worker share: it answers
the entries itself and hands all else to the Flask application, by ``passing``.
"""
