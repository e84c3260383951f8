"""Bytes of requests to what the notebook's code takes, and its answers to bytes.

1. bytes → rows or columns of JSON values: ``reading`` (JSON), ``tabular`` (CSV, Arrow, npy; within
   ``bounds``), ``multipart`` (forms with files)
2. → what the notebook's code takes: ``wire``, which uses ``tables`` (frames, arrays),
   ``columns`` (one dtype; ``moments``, ``categories``), ``decoding`` (nested values), ``parsing``
   (single values) and ``uploads`` (images, files)
3. its answer → JSON values: ``wire``, which uses ``arrays`` and ``values``
4. → bytes: ``writing`` (``csv_cells`` has the form of a CSV cell, both ways)

These are the complete rules. ``typed`` takes a shorter way from 1 to 2 wherever it gives the same:
``json_rows``, ``csv_columns`` and ``binary_columns`` read straight to columns (``casting``), which
``neutral`` makes into what the notebook's code takes.

A service has those of these modules that its contract has a use for.
"""
