"""From a model and its parameters to scores and samples: batched, sharded, compiled a bounded number of times."""
