"""Marks and photos as pictures: their colours, their ground, what they say of a brand by themselves."""
