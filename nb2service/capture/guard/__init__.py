"""Looks at each thing that would travel, and refuses what its owner would not want out there."""
