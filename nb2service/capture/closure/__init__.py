"""What the entries need of the notebook: code from source, values from memory."""
