"""What an answer must do: properties that an exact enumeration decides, never a comparison with one reference."""
