"""Phase diagrams and their lines."""
