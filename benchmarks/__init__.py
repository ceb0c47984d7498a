"""Speed and accuracy, measured: each module runs alone and prints its figures."""
