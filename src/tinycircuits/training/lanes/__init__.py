"""Many tiny models of one shape in one program: their weights in one stack, their training in one loop."""
