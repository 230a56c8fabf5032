"""Stages that look at judgement alone, in this process."""
