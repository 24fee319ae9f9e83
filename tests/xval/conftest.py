from hypothesis import settings

# The same examples every time and nothing written; a loaded machine is no failure.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")
