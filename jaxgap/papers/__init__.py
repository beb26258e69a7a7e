"""The figures of the two papers, with what each must show."""
