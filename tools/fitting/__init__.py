"""Fits the operators of hardware/ from measured tables. A developer's tool: numpy and scikit-learn."""
