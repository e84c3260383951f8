"""A Flask service that answers as the notebook it was made from.

A request's bytes become rows that keep to the contract (``codec``), an ``endpoint`` asks the
notebook's code about them (``notebook``, with the artifacts that ``store`` checks and ``pickles``
loads; or the short way of ``lean``), and its answer becomes bytes again. ``batching`` joins the
rows of requests that come at the same time into one call; coroutines run on the loop of
``coroutines``.

Two ways lead there: ``app``, the Flask application with all routes, under any WSGI server; and
``server``, what ``serve`` runs.

Around it: ``access`` (API keys, rate limits, what browsers are told), ``pages`` (for people),
``offline`` (files scored without the service), ``contract`` (the types of ``contract.json``),
``answers`` and ``problems`` (what goes back, predictions or not), ``service`` (all endpoints of a
process), ``openapi``, ``observing`` (log and requests' times, with ``metrics`` and ``tracing``),
``settings``, ``__main__`` (the command line). ``replay`` asks for the recorded answers again, in
the tests.
"""
