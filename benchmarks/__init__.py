"""What takes how long. Figures are of one run on one machine: read ratios."""
