"""A Flask service that answers as the notebook it was made from.

A request on its way through ``endpoint``:

1. bytes → rows or columns of JSON values: ``reading`` (JSON), ``tabular`` (CSV, Arrow, npy)
2. → what the notebook's code takes: ``wire``, which uses ``tables`` (frames, arrays),
   ``columns`` (one dtype; ``moments``, ``categories``), ``decoding`` (nested values) and
   ``values`` (single values)

   These are the complete rules. ``typed`` takes a shorter way from 1 to 2 wherever it gives the
   same: ``json_rows``, ``csv_columns`` and ``binary_columns`` read straight to columns
   (``casting``), which ``neutral`` makes into what the notebook's code takes.
3. → its answer: ``notebook``, with the artifacts that ``store`` loads, or the short way of
   ``lean``; coroutines run on the loop of ``coroutines``
4. → JSON values: ``wire``, which uses ``arrays`` and ``values``
5. → bytes: ``writing`` (``csv_cells`` has the form of a CSV cell, both ways)

``batching`` joins the rows of requests that come at the same time into one call. Two ways lead
there: ``app``, the Flask application with all routes, under any WSGI server; and, where ``serve``
runs it, ``front``, an event loop that answers the entries itself and hands all else to the
application (by ``passing``; ``connection`` speaks HTTP, ``worker`` is gunicorn's process of it).

Around it: ``contract`` (the types of ``contract.json``), ``answers`` and ``problems`` (what goes
back, predictions or not), ``service`` (all endpoints of a process), ``openapi``, ``observing``
(log and requests' times, with ``metrics`` and ``tracing``), ``settings``, ``cores`` (CPUs and
memory that may be used), ``__main__`` (the command line). ``replay`` asks for the recorded answers
again, in the tests.
"""
