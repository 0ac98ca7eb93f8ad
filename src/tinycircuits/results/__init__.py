"""What is stored: the tables, the store, and the door to it."""
