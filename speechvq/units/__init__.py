"""What discrete codes have to do with phones: plain numpy over code and label sequences, whoever made them."""
