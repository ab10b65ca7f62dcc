"""What is needed to train the weights that the package ships, and no user of it needs."""
