"""From a capture to the files of a project, and onto the disk."""
