"""A Flask service that answers as the notebook it was made from."""
