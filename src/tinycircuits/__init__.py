"""Tiny transformers trained on algorithmic tasks, opened up and explained.

The package under the book *From Zero to Mechanistic Interpretability*. Data flows one way:
``tasks -> models -> training -> interp -> proof -> results -> claims -> exercises -> display -> book``.
"""
