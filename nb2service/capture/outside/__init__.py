"""What the code needs from outside the notebook: libraries, local modules, data files, git."""
