"""How a model comes about: recipes, and the loops that follow them. No disk."""
