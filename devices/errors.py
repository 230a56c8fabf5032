"""The base class of errors that a person can fix."""


class OperatorError(Exception):
    """An error that an operator can fix. Its message names the cause and says what to do.

    The command line prints the message without a traceback and exits with code 2. Every other exception is a bug.
    """
