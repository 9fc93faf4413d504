"""Chance for names and pauses, from the operating system.

Python's own generator belongs to the user's code, which seeds it: processes that train together from one seed would
draw the same names, and what is drawn here would change what they draw.
"""

import random

CHANCE = random.SystemRandom()
