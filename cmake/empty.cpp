// Nothing: the check links what it is given around an empty unit.
