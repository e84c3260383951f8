"""The generated service against other model servers: ``python -m benchmarks.service``."""
