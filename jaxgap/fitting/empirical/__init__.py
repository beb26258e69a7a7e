"""The models that people fit today: gaps that are free, or follow BCS theory, beside those that solve gap equations."""
