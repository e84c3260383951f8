"""Calls the entries: finds input that they accept, learns their contract, records cases."""
