"""What the verbs do with tracked data: differences, transfers, checkout, garbage, and checks of every byte."""
