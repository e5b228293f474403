"""BadInput: the error of everything that a user can correct."""


class BadInput(Exception):
    """The user's input is at fault; the text is one line that also says what would be right.

    The scripts print it and exit with code 2, without a traceback.
    """
