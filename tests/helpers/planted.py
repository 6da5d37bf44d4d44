"""A kind of files whose reader ends its process, for the tests of the fuzzing command.

It imports little: the processes that read it start afresh.
"""

import os
import signal

from recipes.robustness.case import Case, generator


class Crashing:
    """Ends its process with file 3, does not come back from file 4, and fails with file 9."""

    def make(self, random):
        return Case("a.bin", random.randbytes(8), "planted")

    def check(self, case, folder):  # noqa: ARG002
        if "PLANTED" not in os.environ:
            return
        crashes, hangs, fails = (self.make(generator(1, index)) for index in (3, 4, 9))
        if case == crashes:
            os.kill(os.getpid(), signal.SIGSEGV)
        if case == hangs:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGVTALRM])
            signal.setitimer(signal.ITIMER_PROF, 0.2)
            while True:
                pass
        if case == fails:
            raise KeyError


def make_crashing(seed):
    del seed
    return Crashing()
