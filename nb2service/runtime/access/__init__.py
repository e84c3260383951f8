"""Who may ask, how often, and what browsers are told of it.

``gate`` decides of each request, for both ways in; ``keys`` knows the API keys, ``limits`` counts
requests over all worker processes, ``headers`` has what every answer says to browsers.
"""
