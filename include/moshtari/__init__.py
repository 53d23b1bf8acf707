"""Moshtari (مشتری: customer): a customer warehouse for online shops."""

__version__ = "0.1.0"
