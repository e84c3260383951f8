"""What the person wrote: cells and tags, statements and the names that they use."""
