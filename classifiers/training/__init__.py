"""The recipe of the shipped model: data in, model out. Not part of the installed package."""
