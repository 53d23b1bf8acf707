"""The demo: a shop, a help desk and a social network that behave like real ones.

Everything here is a simulation of people, generated from a seed. `world` is the way in; the two
HTTP servers (`help_desk`, `social`) read what it writes. No name, number or address is anybody's:
they are drawn at random, and the e-mail domains are reserved ones that no message can reach.
"""
