"""What a transformer is here: built, counted, set by hand."""
