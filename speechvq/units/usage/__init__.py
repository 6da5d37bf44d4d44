"""How often units occur, how long they last and what they cost."""
