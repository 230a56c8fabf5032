"""Cases: matters that people work on until they are closed with an outcome, each with a number and a deadline.

In: alerts of the journal that a person takes up, reports of the public, matters that a person opens. Out: cases with
their events, and the closing rate. The API and `haulwatch case` call it. Judgement knows nothing of cases.
"""
