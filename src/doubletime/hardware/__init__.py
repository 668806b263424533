"""What machines cost: operators, links, whole steps. Pure Python; the numbers are fitted by tools/fitting and ship along."""
