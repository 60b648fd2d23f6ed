"""What is learnt from: MNIST, other sets, a user's own pictures."""
