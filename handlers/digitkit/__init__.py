"""What a digit picture is, and what an answer is: everything that training, serving and clients share."""
