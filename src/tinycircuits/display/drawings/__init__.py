"""Drawings that explain one idea each: vector figures, the same on the page as in print, of numbers passed in.

A chapter imports a drawing from its module, so that a change of one drawing executes only the chapters that show it.
"""
