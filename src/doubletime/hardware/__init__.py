"""What machines cost: operators, links, whole steps. Pure Python; the numbers, fitted by tools/fitting, ship along."""
