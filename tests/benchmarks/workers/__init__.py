"""One script a measurement: reads its request from the command line, prints one line of JSON."""
