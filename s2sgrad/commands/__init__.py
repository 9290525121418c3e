"""What the command line does besides `transpile`: a graph, a cost table, a check."""
