"""What an object's externs stand for on the running kernel: values, addresses, functions."""
