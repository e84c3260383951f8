"""What to serve: finds the functions and models that become endpoints."""
