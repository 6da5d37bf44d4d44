"""Discrete units of speech scored against phones: numpy over code and label sequences of any model.

A code file is read by `speechvq.codes` alone; nothing here imports a codec, a prior or training.
Imports go down this list and never up; what stands on one line does not import each other:

    report                                           one web page
    evaluation                                       all scores, tables of them, result files
    boundaries | abx | speakers                      the scores of one topic each
    phones | usage                                   codes with phones; code statistics
    inputs | aligned | split | baselines | features  what is scored, and with what it is compared
    recordings                                       the records `Recording` and `Units`
    alignments                                       phone alignments and their files
"""
